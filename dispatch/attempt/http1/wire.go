package http1

import "net"

// A wire is the connection below TLS. It lets TLS read what was received without it,
// and knows whether TLS has the rest of a record to come, of which TLS says nothing.
type wire struct {
	net.Conn

	come   []byte  // what TLS reads first
	header [5]byte // of the record (RFC 8446 §5.1) that TLS is reading
	filled int     // bytes of header
	left   int     // bytes of the record that are to come
	heard  bool    // something was received
}

func (w *wire) Read(b []byte) (n int, err error) {
	if len(w.come) == 0 {
		n, err = w.Conn.Read(b)
	} else {
		n = copy(b, w.come)
		w.come = w.come[n:]
	}
	w.follow(b[:n])
	return n, err
}

// follow follows the records.
func (w *wire) follow(b []byte) {
	w.heard = w.heard || len(b) > 0
	for len(b) > 0 {
		n := min(w.left, len(b))
		if w.left -= n; n == 0 {
			n = copy(w.header[w.filled:], b)
			w.filled += n
		}
		if b = b[n:]; w.filled == len(w.header) {
			w.filled, w.left = 0, int(w.header[3])<<8|int(w.header[4])
		}
	}
}

// whole reports whether TLS has read whole records.
func (w *wire) whole() bool { return w.filled == 0 && w.left == 0 }

// NetConn returns the connection below, as [crypto/tls.Conn.NetConn] does.
func (w *wire) NetConn() net.Conn { return w.Conn }
