package attempt

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"

	"github.com/leadhook/leadhook/dispatch/attempt/answer"
	"github.com/leadhook/leadhook/dispatch/attempt/http1"
)

// plainBody returns the body of an answer, unpacked if the CRM packed it without being asked
// to, and whether that is all of it. What is unpacked is bounded. Of a body that is packed in
// another way it returns nothing.
func plainBody(a *http1.Answer) (body []byte, whole bool) {
	body, err := unpack(a.Body, a.Encoding, answer.MaxBody+1)
	return body, a.Whole && err == nil
}

// plainHead returns at most so many bytes of what plainBody returns. It looks at no more of
// the body than that, so that they are the same however much of it was kept.
func plainHead(a *http1.Answer, most int) []byte {
	head, _ := unpack(a.Body[:min(len(a.Body), most)], a.Encoding, most) // what is cut off is missing
	return head
}

var errUnread = errors.New("the body is packed in a way that is not read")

// unpack unpacks at most so many bytes. With an error, they are those before it.
func unpack(body []byte, said string, most int) ([]byte, error) {
	var in io.Reader
	switch encodingOf(body, said) {
	case "":
		return body, nil
	case gzipped:
		packed, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		in = packed
	case deflated:
		in = inflate(body)
	default:
		return nil, errUnread
	}
	return io.ReadAll(io.LimitReader(in, int64(most)))
}

// inflate unpacks deflate, which is within zlib (RFC 9110 §8.4.1.2), but from some servers is not.
func inflate(body []byte) io.Reader {
	if in, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
		return in
	}
	return flate.NewReader(bytes.NewReader(body))
}
