package http1

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// FuzzUsual holds what readUsual reads against what net/http reads: the answer,
// whether its connection lasts, and what is left behind it for the next one.
func FuzzUsual(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 200 OK\r\nconnection: Keep-Alive\r\nContent-length:\t2 \r\n\r\nok",
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 204 x\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 x\r\n\r\n",
		"HTTP/1.1 503 x\r\nRetry-After:\r\nRetry-After: 5\r\nContent-Length: 00002\r\nTransfer-Encodin: chunked\r\n\r\nno",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		c := &conn{in: filled(answer)}
		usual := c.readUsual(1 << 20)
		if usual == nil {
			if left := c.in.Buffered(); left != len(answer) && len(answer) <= c.in.Size() {
				t.Errorf("%q: is not usual, and %d of %d bytes are left", answer, left, len(answer))
			}
			return
		}
		in := filled(answer)
		plain, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%q: net/http says %v", answer, err)
		}
		body, err := io.ReadAll(plain.Body)
		if err != nil {
			t.Fatalf("%q: net/http says %v of the body", answer, err)
		}
		got := fmt.Sprint(usual.Proto, usual.Status, usual.RetryAfter, string(usual.Body), false, c.in.Buffered())
		want := fmt.Sprint(plain.Proto, plain.StatusCode, plain.Header.Get("Retry-After"), string(body), plain.Close, in.Buffered())
		if got != want {
			t.Errorf("%q: got %q, net/http says %q", answer, got, want)
		}
	})
}

// filled is a reader that has read all that it has room for.
func filled(b []byte) *bufio.Reader {
	in := bufio.NewReader(bytes.NewReader(b))
	_, _ = in.Peek(1)
	return in
}
