package attempt

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"

	"github.com/leadhook/leadhook/dispatch/attempt/answer"
	"github.com/leadhook/leadhook/dispatch/attempt/http1"
)

// plainBody returns the body of an answer, unpacked if the CRM packed it without being asked
// to, and whether that is all of it. What is unpacked is bounded. Of a body that is packed in
// another way it returns nothing.
func plainBody(a *http1.Answer) (body []byte, whole bool) {
	switch encodingOf(a) {
	case "":
		return a.Body, a.Whole
	case gzipped:
		in, err := gzip.NewReader(bytes.NewReader(a.Body))
		if err != nil {
			return nil, false
		}
		return unpacked(in, a.Whole)
	case deflated:
		return unpacked(inflate(a.Body), a.Whole)
	}
	return nil, false
}

func unpacked(in io.Reader, wholePacked bool) (body []byte, whole bool) {
	body, err := io.ReadAll(io.LimitReader(in, answer.MaxBody+1))
	return body, wholePacked && err == nil
}

// inflate unpacks deflate, which is within zlib (RFC 9110 §8.4.1.2), but from some servers is not.
func inflate(body []byte) io.Reader {
	if in, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
		return in
	}
	return flate.NewReader(bytes.NewReader(body))
}
