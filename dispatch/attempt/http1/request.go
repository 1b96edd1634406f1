package http1

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"
)

// A Field is one of a header's. Its name must be as [http.CanonicalHeaderKey]
// writes it: another one is not recognised as one that does not count.
type Field struct{ Name, Value string }

// A Target is where requests go, and the part of their header that is the same
// for all. It is made ready once, so that a request costs little, is not changed
// any more, and is safe for concurrent use.
type Target struct {
	url    *url.URL
	header []Field
	to     endpoint // none: only net/http understands the URL
	head   []byte   // what requests begin with (RFC 9112 §3 to §5)
	fault  error    // why none may be sent here; nil: nothing is wrong
}

// NewTarget makes a target. Fields that tell for whom a message is and where it
// ends do not count. What may not be sent is an error of [Transport.Post].
func NewTarget(u *url.URL, header []Field) *Target {
	t := &Target{url: u, header: header, to: endpointOf(u)}
	target := u.RequestURI()
	if strings.ContainsFunc(target, isControl) || !httpguts.ValidHostHeader(u.Host) {
		t.fault = errors.New("http1: the request's URL or host is not valid")
		return t
	}
	t.head = fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\n", target, u.Host)
	t.head, t.fault = appendFields(t.head, header)
	return t
}

// A Request is a POST.
type Request struct {
	Target *Target
	Fields []Field  // its own part of the header; a name is not one of the target's
	Body   [][]byte // in parts; they must not change before Post returns

	KeepBody int                    // how many bytes of the answer's body are to be returned
	Watcher  Watcher                // nil: nobody watches
	Trace    *httptrace.ClientTrace // nil: nobody traces
}

// A Watcher sees what becomes of a request.
type Watcher interface {
	// GotConn is called before the request is written to a connection, as
	// [httptrace.ClientTrace] says.
	GotConn(info httptrace.GotConnInfo)

	// MayRepeat is asked before Next sends the request once more. An error keeps
	// it from doing so.
	MayRepeat() error
}

// size is that of the body, in bytes.
func (r *Request) size() int {
	size := 0
	for _, part := range r.Body {
		size += len(part)
	}
	return size
}

// Header is the whole header, but for what tells for whom the message is and
// where it ends.
func (r *Request) Header() http.Header {
	h := make(http.Header, len(r.Target.header)+len(r.Fields))
	for _, fields := range [][]Field{r.Target.header, r.Fields} {
		for _, f := range fields {
			h[f.Name] = append(h[f.Name], f.Value)
		}
	}
	return h
}

// plain is the request as net/http knows it; gotConn is called as
// [httptrace.ClientTrace] says.
func (r *Request) plain(ctx context.Context, gotConn func(httptrace.GotConnInfo)) *http.Request {
	body := slices.Concat(r.Body...) // Next may still read it after the answer
	plain := &http.Request{
		Method:        http.MethodPost,
		URL:           r.Target.url,
		Host:          r.Target.url.Host,
		Header:        r.Header(),
		Body:          io.NopCloser(bytes.NewReader(body)), // net/http knows it, and sends header and body in one write
		ContentLength: int64(len(body)),
	}
	plain.GetBody = func() (io.ReadCloser, error) {
		if r.Watcher != nil {
			if err := r.Watcher.MayRepeat(); err != nil {
				return nil, err
			}
		}
		return io.NopCloser(bytes.NewReader(body)), nil
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: gotConn})
	return plain.WithContext(r.traced(ctx))
}

// traced is ctx with the hooks, for those who look for them there.
func (r *Request) traced(ctx context.Context) context.Context {
	if r.Trace == nil {
		return ctx
	}
	own := *r.Trace // it is changed
	return httptrace.WithClientTrace(ctx, &own)
}

// A message is the bytes of a request.
type message struct{ bytes []byte }

var messages = sync.Pool{New: func() any { return new(message) }}

// write writes the message of a request. The error is for what must not be
// sent, and quotes none of it.
func (r *Request) write() (*message, error) {
	if r.Target.fault != nil {
		return nil, r.Target.fault
	}
	m := messages.Get().(*message) //nolint:forcetypeassert // there is nothing else in it
	var err error
	if m.bytes, err = appendFields(append(m.bytes, r.Target.head...), r.Fields); err != nil {
		m.free()
		return nil, err
	}
	m.bytes = append(m.bytes, "Content-Length: "...)
	m.bytes = append(strconv.AppendInt(m.bytes, int64(r.size()), 10), "\r\n\r\n"...)
	for _, part := range r.Body {
		m.bytes = append(m.bytes, part...)
	}
	return m, nil
}

// free says that the bytes are not needed any more.
func (m *message) free() {
	m.bytes = m.bytes[:0]
	messages.Put(m)
}

func appendFields(b []byte, fields []Field) ([]byte, error) {
	for _, f := range fields {
		switch {
		case !httpguts.ValidHeaderFieldName(f.Name):
			return b, errors.New("http1: a header field of the request has a name that is not valid")
		case !httpguts.ValidHeaderFieldValue(f.Value):
			return b, fmt.Errorf("http1: the value of the request's header field %s is not valid", f.Name)
		case !framing(f.Name):
			b = append(append(append(append(b, f.Name...), ": "...), f.Value...), "\r\n"...)
		}
	}
	return b, nil
}

// framing says whether a field is one that tells for whom a message is and
// where it ends. What a caller sets there does not count.
func framing(name string) bool {
	switch name {
	case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
		return true
	}
	return false
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }
