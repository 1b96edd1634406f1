package http1

import (
	"bytes"
	"errors"
	"io"
	"net/http/httputil"
)

// maxTrailer is how many fields may follow the last chunk of a body.
const maxTrailer = 100

// body returns what reads the body of an answer, as well as the head says where it ends.
// After an error other than io.EOF it is not whole.
func (c *conn) body(h *head) io.Reader {
	switch {
	case h.chunked:
		return &chunks{chunks: httputil.NewChunkedReader(c.in), c: c}
	case h.length >= 0:
		return &sized{in: c.in, left: h.length}
	}
	return untilClose{c.in}
}

// An untilClose reads a body that ends with the connection. Many servers end TLS without
// saying so, and such a body has no other end.
type untilClose struct{ in io.Reader }

func (b untilClose) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// A sized reads a body of a known length.
type sized struct {
	in   io.Reader
	left int64
}

func (b *sized) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left)])
	if b.left -= int64(n); errors.Is(err, io.EOF) && b.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// A chunks reads a body in chunks (RFC 9112 §7.1), and the trailer behind them.
type chunks struct {
	chunks io.Reader
	c      *conn
	whole  bool
}

func (b *chunks) Read(p []byte) (int, error) {
	if b.whole {
		return 0, io.EOF
	}
	n, err := b.chunks.Read(p)
	if errors.Is(err, io.EOF) {
		if err = b.readTrailer(); err == nil {
			b.whole, err = true, io.EOF
		}
	}
	return n, err
}

// readTrailer reads to the empty line. What the fields say is of no interest.
func (b *chunks) readTrailer() error {
	for range maxTrailer {
		line, err := b.c.in.ReadSlice('\n')
		field, ends := bytes.CutSuffix(line, []byte("\r\n"))
		switch {
		case err != nil, !ends, len(field) > 0 && !isField(field):
			return io.ErrUnexpectedEOF
		case len(field) == 0:
			return nil
		}
	}
	return io.ErrUnexpectedEOF
}
