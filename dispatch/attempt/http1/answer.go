package http1

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"strconv"
	"time"
)

// An Answer is a server's answer to a request.
type Answer struct {
	Status     int
	Proto      string        // such as HTTP/1.1
	RetryAfter string        // the first field of that name that is not empty; empty if there is none
	Encoding   string        // Content-Encoding, likewise: the body is as it came
	Body       []byte        // the beginning of the body, as [Request.Keep] says
	Fields     []HeaderField // those of [KeepFields]
	Whole      bool          // the body was read to its end, or there is no body

	promised time.Duration // how long the server keeps the connection (Keep-Alive: timeout=); 0: it does not say
}

// newAnswer returns an answer that net/http has read, without its body.
func newAnswer(r *http.Response) *Answer {
	return &Answer{
		Status: r.StatusCode, Proto: r.Proto, RetryAfter: cmp.Or(r.Header["Retry-After"]...),
		Encoding: cmp.Or(r.Header["Content-Encoding"]...), Whole: r.Body == http.NoBody,
		Fields:   KeepFields(r.StatusCode, r.Header),
		promised: readTimeout([]byte(r.Header.Get("Keep-Alive"))),
	}
}

// readBody reads the body to its end, but at most limit bytes, and stores the first
// bytes that are to be kept. An error only means that the answer is not whole.
func (a *Answer) readBody(r *Request, body io.Reader, limit int64) {
	in := endReader{in: body}
	if keep := int64(r.keep(a.Status)); keep > 0 {
		a.Body, _ = io.ReadAll(io.LimitReader(&in, min(keep, limit)))
	}
	const end = 1 // a body that ends at the limit is seen to end only behind it
	_, _ = io.CopyN(io.Discard, &in, limit-int64(len(a.Body))+end)
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

// HasNoBody reports whether answers with the status have no body, whatever their
// headers say.
func HasNoBody(status int) bool {
	return status/100 == 1 || status == http.StatusNoContent || status == http.StatusNotModified
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
