package http1

import (
	"bytes"
	"context"
	"crypto/tls"
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

// A HeaderField is a field of a header. Over HTTP/1.1 its name is sent as it is spelled.
type HeaderField struct{ Name, Value string }

// A Template is what requests to one URL have in common: the URL and a part
// of the header. It is prepared once, so that a request costs little. It does not
// change, and is safe for concurrent use.
type Template struct {
	url      *url.URL
	header   []HeaderField
	endpoint endpoint                // the zero value: only net/http understands the URL
	head     []byte                  // the bytes that requests begin with (RFC 9112 §3 to §5)
	secure   func(*tls.Config) error // what is special about its TLS; nil: nothing
	err      error                   // why no request may be sent; nil if requests may be sent
}

// NewTemplate prepares a template. Fields that would say who receives a message or
// where it ends (Host, Content-Length, Transfer-Encoding, Trailer) are left out. If
// the URL or a field is not valid, [Transport.Post] returns an error.
//
// Requests of different groups do not share connections or TLS sessions of the
// Transport. Those of a group that is not empty are made over HTTP/1.1, since Next
// knows no groups.
//
// If secure is not nil, it is called before each TLS handshake, and changes a copy of
// [Transport.TLS]; an error ends the request. All templates of a group must change it in
// the same way, and the group must not be empty.
func NewTemplate(u *url.URL, header []HeaderField, group string, secure func(*tls.Config) error) *Template {
	t := &Template{url: u, header: header, endpoint: endpointOf(u, group), secure: secure}
	target := u.RequestURI()
	if strings.ContainsFunc(target, isControl) || !httpguts.ValidHostHeader(u.Host) {
		t.err = errors.New("http1: the request's URL or host is not valid")
		return t
	}
	t.head = fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\n", target, u.Host)
	t.head, t.err = appendFields(t.head, header)
	return t
}

// A Request is a POST. It must not be changed before [Transport.Post] returns.
type Request struct {
	Template *Template
	Fields   []HeaderField // its own part of the header; no name is one of the template's
	Body     [][]byte      // in parts, which must not change before Post returns

	Keep    func(status int) int   // how many bytes of the body to return of an answer with the status; nil: none
	Await   bool                   // wait for the body until the deadline, not only for [Transport.BodyTimeout]
	Watcher Watcher                // may be nil
	Trace   *httptrace.ClientTrace // may be nil
}

// A Watcher follows a request.
type Watcher interface {
	// GotConn is called before the request is written to a connection, as
	// [httptrace.ClientTrace] says.
	GotConn(info httptrace.GotConnInfo)

	// MayRepeat is called when Next is about to send the request again. An error
	// prevents that.
	MayRepeat() error
}

// keep returns how many bytes to return of the body of an answer with the status.
func (r *Request) keep(status int) int {
	if r.Keep == nil {
		return 0
	}
	return r.Keep(status)
}

// size returns the size of the body in bytes.
func (r *Request) size() int {
	size := 0
	for _, part := range r.Body {
		size += len(part)
	}
	return size
}

// Header returns the header, without the fields that say who receives the message
// and where it ends. Its keys are spelled as on the wire, so that [http.Header.Get] does
// not find them all.
func (r *Request) Header() http.Header {
	h := make(http.Header, len(r.Template.header)+len(r.Fields))
	for _, fields := range [][]HeaderField{r.Template.header, r.Fields} {
		for _, f := range fields {
			if isFraming(f.Name) {
				continue
			}
			h[f.Name] = append(h[f.Name], f.Value)
		}
	}
	return h
}

// httpRequest returns the request for net/http. gotConn is called as
// [httptrace.ClientTrace] says.
func (r *Request) httpRequest(ctx context.Context, gotConn func(httptrace.GotConnInfo)) *http.Request {
	body := slices.Concat(r.Body...) // Next may still read it after the answer
	request := &http.Request{
		Method:        http.MethodPost,
		URL:           r.Template.url,
		Host:          r.Template.url.Host,
		Header:        r.Header(),
		Body:          io.NopCloser(bytes.NewReader(body)), // a type that net/http knows: it sends header and body in one write
		ContentLength: int64(len(body)),
	}
	request.GetBody = func() (io.ReadCloser, error) {
		if r.Watcher != nil {
			if err := r.Watcher.MayRepeat(); err != nil {
				return nil, err
			}
		}
		return io.NopCloser(bytes.NewReader(body)), nil
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: gotConn})
	return request.WithContext(r.withTrace(ctx))
}

// withTrace returns ctx with the hooks of the request.
func (r *Request) withTrace(ctx context.Context) context.Context {
	if r.Trace == nil {
		return ctx
	}
	own := *r.Trace // WithClientTrace changes it
	return httptrace.WithClientTrace(ctx, &own)
}

// A message is the bytes of a request.
type message struct{ bytes []byte }

var messages = sync.Pool{New: func() any { return new(message) }}

// write writes the message of a request. The error means that the URL or a field is
// not valid; it quotes no value.
func (r *Request) write() (*message, error) {
	if r.Template.err != nil {
		return nil, r.Template.err
	}
	m := messages.Get().(*message) //nolint:forcetypeassert // there is nothing else in it
	var err error
	if m.bytes, err = appendFields(append(m.bytes, r.Template.head...), r.Fields); err != nil {
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

// free gives the bytes back, unless they are so many that few requests need them. They must
// not be used afterwards.
func (m *message) free() {
	if cap(m.bytes) > 2*maxBefore {
		return
	}
	m.bytes = m.bytes[:0]
	messages.Put(m)
}

func appendFields(b []byte, fields []HeaderField) ([]byte, error) {
	for _, f := range fields {
		switch {
		case !httpguts.ValidHeaderFieldName(f.Name):
			return b, errors.New("http1: a header field of the request has a name that is not valid")
		case !httpguts.ValidHeaderFieldValue(f.Value):
			return b, fmt.Errorf("http1: the value of the request's header field %s is not valid", f.Name)
		case !isFraming(f.Name):
			b = append(append(append(append(b, f.Name...), ": "...), f.Value...), "\r\n"...)
		}
	}
	return b, nil
}

// isFraming reports whether a field says who receives a message or where it ends.
// Such fields of a caller are left out.
func isFraming(name string) bool {
	for _, framing := range [...]string{"Host", "Content-Length", "Transfer-Encoding", "Trailer"} {
		if len(name) == len(framing) && strings.EqualFold(name, framing) {
			return true
		}
	}
	return false
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }
