package attempt

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"

	"github.com/leadhook/leadhook/dispatch/attempt/answer"
	"github.com/leadhook/leadhook/dispatch/attempt/http1"
)

// plainBody returns the body of an answer, unpacked if the CRM packed it without being
// asked to, and whether that is all of it. What is unpacked is bounded.
func plainBody(a *http1.Answer) (body []byte, whole bool) {
	var in io.Reader
	switch encoding := strings.ToLower(a.Encoding); {
	case len(a.Body) == 0:
	case encoding == "gzip" || encoding == "x-gzip":
		packed, err := gzip.NewReader(bytes.NewReader(a.Body))
		if err != nil {
			return nil, false
		}
		in = packed
	case encoding == "deflate":
		in = inflate(a.Body)
	}
	if in == nil {
		return a.Body, a.Whole
	}
	body, err := io.ReadAll(io.LimitReader(in, answer.MaxBody+1))
	return body, a.Whole && err == nil
}

// inflate unpacks deflate, which is within zlib (RFC 9110 §8.4.1.2), but from some servers is not.
func inflate(body []byte) io.Reader {
	if in, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
		return in
	}
	return flate.NewReader(bytes.NewReader(body))
}
