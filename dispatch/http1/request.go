package http1

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// ours are the header fields that say where the message ends and for whom it
// is: what a caller sets there does not count, as with net/http.
var ours = map[string]bool{"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Trailer": true}

// appendRequest writes a request (RFC 9112 §3, §5). Its error is for what must
// not be written.
func appendRequest(b []byte, r *http.Request) ([]byte, error) {
	target := r.URL.RequestURI()
	if strings.ContainsFunc(target, isControl) || !httpguts.ValidHostHeader(r.Host) {
		return b, errors.New("http1: the request's target or host is not valid")
	}
	b = append(append(append(b, r.Method...), ' '), target...)
	b = append(append(b, " HTTP/1.1\r\nHost: "...), r.Host...)
	for name, values := range r.Header {
		if ours[name] {
			continue
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
				return b, fmt.Errorf("http1: the header field %q is not valid", name)
			}
			b = append(append(append(append(b, "\r\n"...), name...), ": "...), value...)
		}
	}
	b = append(b, "\r\nContent-Length: "...)
	b = append(strconv.AppendInt(b, r.ContentLength, 10), "\r\n\r\n"...)
	return appendBody(b, r)
}

func appendBody(b []byte, r *http.Request) ([]byte, error) {
	if r.ContentLength == 0 {
		return b, nil
	}
	head, whole := len(b), len(b)+int(r.ContentLength)
	for cap(b) < whole {
		b = append(b[:cap(b)], 0)
	}
	b = b[:whole]
	if _, err := io.ReadFull(r.Body, b[head:]); err != nil {
		return b, fmt.Errorf("http1: reading the request's body: %w", err)
	}
	return b, nil
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }
