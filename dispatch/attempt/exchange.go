package attempt

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"

	"golang.org/x/net/http2"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
	"github.com/leadhook/leadhook/lead"
)

// errReplay refuses net/http a second POST.
var errReplay = errors.New("the request may have been received")

// An exchange is one request, and watches what becomes of it.
type exchange struct {
	target  *Target
	request http1.Request
	room    [mostFields]http1.Field // for its fields
	answer  *http1.Answer           // nil: none came

	outer net.Conn     // as net/http has it; nil as long as there is none
	conn  *countedConn // under it
	sent  int64        // conn.writes when the exchange got it
	got   int64        // conn.reads then
}

// prepare makes the request ready that is sent.
func (x *exchange) prepare(r *Request) {
	x.request.Template, x.request.Fields, x.request.Body = r.Target.wire, r.fields(x.room[:0]), r.Body
	x.request.Watcher = x
}

// GotConn implements [http1.Watcher]. net/http calls it on the goroutine of the
// request, once more for each connection that it changes to.
func (x *exchange) GotConn(info httptrace.GotConnInfo) {
	x.leave()
	x.outer, x.conn = info.Conn, counted(info.Conn)
	if x.conn != nil {
		x.conn.join()
		x.sent, x.got = x.conn.writes.Load(), x.conn.reads.Load()
	}
}

// leave says that the exchange does not need its connection any more.
func (x *exchange) leave() {
	if x.conn != nil {
		x.conn.leave()
	}
}

// MayRepeat implements [http1.Watcher]. It is asked when net/http is about to
// send the request again by itself. Over HTTP/2 it does so only when the server
// said that it did not process the request (REFUSED_STREAM, GOAWAY: RFC 9113
// §8.7). Over HTTP/1.1 it does so when it wrote nothing, on a connection that the
// CRM closed while it was idle, and, which must not happen, when a header calls
// the request idempotent.
func (x *exchange) MayRepeat() error {
	if x.wrote() && !x.http2() {
		return errReplay
	}
	return nil
}

func (x *exchange) http2() bool {
	secure, ok := x.outer.(*tls.Conn)
	return ok && secure.ConnectionState().NegotiatedProtocol == http2.NextProtoTLS
}

// wrote says whether bytes of the request may have gone out. On a connection
// that is shared (HTTP/2) those of another request count too.
func (x *exchange) wrote() bool {
	return x.outer != nil && (x.conn == nil || x.conn.writes.Load() != x.sent)
}

// heard says whether anything came back.
func (x *exchange) heard() bool { return x.conn != nil && x.conn.reads.Load() != x.got }

// evidence grades an exchange that ended without a status.
func (x *exchange) evidence() lead.Evidence {
	if x.wrote() {
		return lead.MaybeReceived
	}
	return lead.NotSent
}
