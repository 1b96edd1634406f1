package http1

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"
)

// A request is the bytes that are sent.
type request struct {
	bytes  []byte
	fields []field // of its header, by name
}

type field struct {
	name   string
	values []string
}

var requests = sync.Pool{New: func() any { return new(request) }}

// newRequest writes a request (RFC 9112 §3 to §6), and closes its body. The
// error is for what must not be sent, and quotes none of it.
func newRequest(r *http.Request) (*request, error) {
	q := requests.Get().(*request) //nolint:forcetypeassert // there is nothing else in it
	err := q.write(r)
	_ = r.Body.Close()
	if err != nil {
		q.free()
		return nil, err
	}
	return q, nil
}

// free says that the bytes are not needed any more.
func (q *request) free() {
	q.bytes = q.bytes[:0]
	clear(q.fields)
	q.fields = q.fields[:0]
	requests.Put(q)
}

func (q *request) add(parts ...string) {
	for _, part := range parts {
		q.bytes = append(q.bytes, part...)
	}
}

func (q *request) write(r *http.Request) error {
	if err := q.line(r); err != nil {
		return err
	}
	if err := q.header(r.Header); err != nil {
		return err
	}
	q.add("Content-Length: ", strconv.FormatInt(r.ContentLength, 10), "\r\n\r\n")
	return q.body(r)
}

func (q *request) line(r *http.Request) error {
	target, host := r.URL.RequestURI(), cmp.Or(r.Host, r.URL.Host)
	if strings.ContainsFunc(target, isControl) || !httpguts.ValidHostHeader(host) {
		return errors.New("http1: the request's URL or host is not valid")
	}
	q.add(r.Method, " ", target, " HTTP/1.1\r\nHost: ", host, "\r\n")
	return nil
}

// header writes the header's fields in the order of their names.
func (q *request) header(header http.Header) error {
	for name, values := range header {
		q.fields = append(q.fields, field{name, values})
	}
	slices.SortFunc(q.fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	for _, f := range q.fields {
		for _, value := range f.values {
			switch {
			case !httpguts.ValidHeaderFieldName(f.name):
				return errors.New("http1: a header field of the request has a name that is not valid")
			case !httpguts.ValidHeaderFieldValue(value):
				return fmt.Errorf("http1: the value of the request's header field %s is not valid", f.name)
			case !framing(f.name):
				q.add(f.name, ": ", value, "\r\n")
			}
		}
	}
	return nil
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

func (q *request) body(r *http.Request) error {
	head, whole := len(q.bytes), len(q.bytes)+int(r.ContentLength)
	q.bytes = slices.Grow(q.bytes, int(r.ContentLength)+1)[:whole]
	if _, err := io.ReadFull(r.Body, q.bytes[head:]); err != nil {
		return fmt.Errorf("http1: reading the request's body: %w", err)
	}
	if n, _ := r.Body.Read(q.bytes[whole : whole+1]); n > 0 {
		return errors.New("http1: the request's body is longer than its length says")
	}
	return nil
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }
