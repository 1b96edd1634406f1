package http1

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/http/httpguts"
)

// An Answer is a server's answer to a request.
type Answer struct {
	Status     int
	Proto      string // such as HTTP/1.1
	RetryAfter string // the first field of that name in the header; empty if there is none
	Body       []byte // the beginning of the body, at most [Request.KeepBody] bytes
	Whole      bool   // the body was read to its end, or there is no body

	promised time.Duration // how long the server keeps the connection (Keep-Alive: timeout=); 0: it does not say
}

// newAnswer returns the answer without its body.
func newAnswer(r *http.Response) *Answer {
	return &Answer{
		Status: r.StatusCode, Proto: r.Proto, RetryAfter: r.Header.Get("Retry-After"), Whole: r.Body == http.NoBody,
		promised: readTimeout([]byte(r.Header.Get("Keep-Alive"))),
	}
}

// readBody reads the body to its end, but at most limit bytes, and stores the first
// keep bytes. An error only means that the answer is not whole.
func (a *Answer) readBody(body io.Reader, keep, limit int64) {
	in := endReader{in: body}
	if keep > 0 {
		a.Body, _ = io.ReadAll(io.LimitReader(&in, min(keep, limit)))
	}
	_, _ = io.CopyN(io.Discard, &in, limit-int64(len(a.Body)))
	a.Whole = in.whole
}

// An endReader reads to the first error and no further. It remembers whether that
// was io.EOF.
type endReader struct {
	in    io.Reader
	err   error
	whole bool
}

func (r *endReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.in.Read(p)
	r.err, r.whole = err, err == io.EOF
	return n, err
}

// readUsual reads an answer of the usual form: a header without anything unusual,
// and a body of the length that the header states, all received already. If anything
// is different or in doubt, it reads nothing and returns nil. Such an answer is left
// to [http.ReadResponse], which allocates the whole header.
func (c *conn) readUsual(keep int) *Answer {
	b, _ := c.in.Peek(c.in.Buffered())
	header, content, ends := bytes.Cut(b, []byte("\r\n\r\n"))
	line, fields, _ := bytes.Cut(header, []byte("\r\n"))
	status, usual := readStatus(line)
	if !ends || !usual {
		return nil
	}
	a := &Answer{Status: status, Proto: "HTTP/1.1", Whole: true}
	length := -1
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		if !a.readField(line, &length) {
			return nil
		}
	}
	if hasNoBody(status) {
		if length >= 0 {
			return nil
		}
		length = 0
	}
	if length != len(content) {
		return nil
	}
	if keep > 0 {
		a.Body = bytes.Clone(content[:min(keep, length)])
	}
	_, _ = c.in.Discard(len(b))
	return a
}

// readStatus reads a status line (RFC 9112 §4). It returns false for an unusual
// one.
func readStatus(line []byte) (status int, usual bool) {
	const before, whole = "HTTP/1.1 ", len("HTTP/1.1 200")
	if len(line) < whole || string(line[:len(before)]) != before || len(line) > whole && line[whole] != ' ' || !printable(line) {
		return 0, false
	}
	status, usual = readNumber(line[len(before):whole])
	return status, usual && status >= 200
}

// readField reads a field (RFC 9112 §5), and sets length if it is
// Content-Length. It returns false for a field that is unusual, or that says
// something else about where the answer or its connection ends.
func (a *Answer) readField(line []byte, length *int) bool {
	name, value, isField := bytes.Cut(line, []byte(":"))
	value = bytes.Trim(value, " \t")
	if !isField || !httpguts.ValidHeaderFieldName(string(name)) || !printable(value) {
		return false
	}
	switch {
	case isName(name, "Transfer-Encoding"), isName(name, "Trailer"):
		return false
	case isName(name, "Connection"):
		return isName(value, "keep-alive")
	case isName(name, "Content-Length"):
		if n, usual := readNumber(value); usual && *length < 0 {
			*length = n
			return true
		}
		return false
	case isName(name, "Keep-Alive"):
		a.promised = readTimeout(value)
	case isName(name, "Retry-After"):
		a.RetryAfter = cmp.Or(a.RetryAfter, string(value))
		return len(value) > 0
	}
	return true
}

// readTimeout reads the timeout of a Keep-Alive field, such as "timeout=5, max=100"
// (RFC 2068 §19.7.1.1). It returns 0 if there is none, and the shortest time if that
// is zero.
func readTimeout(value []byte) time.Duration {
	for len(value) > 0 {
		var parameter []byte
		parameter, value, _ = bytes.Cut(value, []byte(","))
		name, number, _ := bytes.Cut(bytes.TrimSpace(parameter), []byte("="))
		if n, usual := readNumber(number); usual && isName(name, "timeout") {
			return max(time.Duration(n)*time.Second, 1)
		}
	}
	return 0
}

// isClean reports whether a header that net/http has read says in one way where its
// answer ends: the server and we would otherwise disagree about where the next one
// begins. net/http takes the one that it prefers.
func isClean(head []byte, status int) bool {
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	if bytes.ContainsAny(line, "\r\n") {
		return false
	}
	ends := 0
	for len(fields) > 0 {
		if line, fields, _ = bytes.Cut(fields, []byte("\r\n")); len(line) == 0 {
			break
		}
		name, value, isField := bytes.Cut(line, []byte(":"))
		value = bytes.Trim(value, " \t")
		switch {
		case !isField, !httpguts.ValidHeaderFieldName(string(name)), !httpguts.ValidHeaderFieldValue(string(value)):
			return false // also a line that goes on in the next one, or ends otherwise than usual
		case isName(name, "Transfer-Encoding") && !isName(value, "chunked"):
			return false
		case isName(name, "Transfer-Encoding"), isName(name, "Content-Length") && !hasNoBody(status), isName(name, "Content-Length") && string(value) != "0":
			ends++
		}
	}
	return ends == 0 && hasNoBody(status) || ends == 1 && !hasNoBody(status)
}

// hasNoBody reports whether answers with the status have no body, whatever their
// headers say.
func hasNoBody(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified
}

// isName compares names without regard to case. It compares lengths first, which
// differ for most names.
func isName(b []byte, name string) bool {
	return len(b) == len(name) && bytes.EqualFold(b, []byte(name))
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

// readNumber reads at most five digits.
func readNumber(b []byte) (n int, usual bool) {
	if len(b) == 0 || len(b) > 5 || b[0] < '0' || b[0] > '9' {
		return 0, false
	}
	n, err := strconv.Atoi(string(b))
	return n, err == nil
}
