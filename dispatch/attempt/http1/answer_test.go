package http1

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// answers are of all forms, and what mutations begin with.
var answers = []string{
	"HTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.1 200 OK\r\nconnection: Keep-Alive\r\nContent-length:\t2 \r\n\r\nok",
	"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 204 x\r\n\r\n",
	"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 x\r\n\r\n",
	"HTTP/1.1 503 x\r\nRetry-After:\r\nRetry-After: 5\r\nContent-Length: 00002\r\nTransfer-Encodin: chunked\r\n\r\nno",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\nHTTP/1.1 500 x\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok?",
	"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nok",
	"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\npreload\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nX Y: z\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nX: \x00\r\nY: \xe9\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.0 200 OK\n\nuntil the end",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: y\r\n\r\nHTTP/1.1 201 x\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
	"HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n",
	"HTTP/1.1  429 \r\nRetry-After: 7\r\n\r\n",
	"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 5000) + "\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 " + strings.Repeat("x", 5000) + "\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nContent-Length: " + strings.Repeat("0", 5000) + "2\r\n\r\nok",
	"HTTP/1.1 503 x\r\nRetry-After: " + strings.Repeat("7", 5000) + "\r\nContent-Length: 2\r\n\r\nok",
}

// FuzzHead holds what is read of any answer against what net/http reads.
func FuzzHead(f *testing.F) {
	for _, answer := range answers {
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, answer []byte) { compare(t, answer) })
}

// TestMutatedAnswers does so with a hundred thousand answers in which a few bytes or lines
// are others.
func TestMutatedAnswers(t *testing.T) {
	seed := rand.Uint64()
	random, kept, read := rand.New(rand.NewPCG(seed, 0)), 0, 0
	for range 100_000 {
		isRead, isKept := compare(t, mutated(random))
		if isRead {
			read++
		}
		if isKept {
			kept++
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if read < 50_000 || kept < 10_000 {
		t.Errorf("%d answers were read, after %d of which the connection was kept: too few to say anything", read, kept)
	}
}

// mutated returns one of the answers with up to three changes.
func mutated(random *rand.Rand) []byte {
	b := []byte(answers[random.IntN(len(answers))])
	for range random.IntN(4) {
		at := random.IntN(len(b) + 1)
		if len(b) > 2000 && random.IntN(2) == 0 {
			at = random.IntN(40)
		}
		switch end := min(len(b), at+random.IntN(4)); random.IntN(5) {
		case 0: // something is missing
			b = slices.Delete(b, at, end)
		case 1: // or comes twice
			b = slices.Insert(b, at, b[at:end]...)
		case 2:
			const odd = " \t\r\n:,;0129\x00\x7f\xe9HT/."
			b = slices.Insert(b, at, odd[random.IntN(len(odd))])
		case 3: // what is a line in another answer
			lines := strings.SplitAfter(answers[random.IntN(len(answers))], "\n")
			b = slices.Insert(b, bytes.LastIndexByte(b[:at], '\n')+1, []byte(lines[random.IntN(len(lines))])...)
		case 4: // cut
			if random.IntN(4) == 0 {
				b = b[:at]
			}
		}
	}
	return b
}

// compare reads an answer here and with net/http. Where net/http takes it for one, its
// status must be the same. Where the connection would be used again, so must everything
// else, up to where the next answer begins. It reports whether there is an answer, and
// whether the connection would be used again.
func compare(t *testing.T, text []byte) (isRead, isKept bool) {
	t.Helper()
	c := &conn{in: bufio.NewReader(bytes.NewReader(text))}
	r := &Request{Keep: func(int) int { return 1 << 20 }}
	answer, body, keepAlive, err := c.readAnswer(r)
	if answer != nil && body != nil {
		answer.readBody(r, body, 1<<21)
	}
	in := bufio.NewReader(bytes.NewReader(text))
	plain, plainErr := http.ReadResponse(in, nil)
	for plainErr == nil && plain.StatusCode/100 == 1 && plain.StatusCode != http.StatusSwitchingProtocols {
		plain, plainErr = http.ReadResponse(in, nil)
	}
	if plainErr != nil || plain.StatusCode < 100 { // "HTTP/1.1 +99" is a status to it
		if keepAlive && answer.Whole {
			t.Errorf("%q: kept, although net/http says %v", text, plainErr)
		}
		return err == nil, false
	}
	if err != nil || answer.Status != plain.StatusCode || answer.Proto != plain.Proto {
		t.Errorf("%q: got %+v, %v; net/http says %s %d", text, answer, err, plain.Proto, plain.StatusCode)
		return false, false
	}
	if !keepAlive || !answer.Whole {
		return true, false
	}
	content, err := io.ReadAll(plain.Body)
	got := fmt.Sprint(answer.RetryAfter, string(answer.Body), nil, false, left(c.in))
	want := fmt.Sprint(cmp.Or(plain.Header["Retry-After"]...), string(content), err, plain.Close, left(in))
	if got != want {
		t.Errorf("%q: got %q, net/http says %q", text, got, want)
	}
	return true, true
}

// left is what has not been read.
func left(in *bufio.Reader) string {
	rest, _ := io.ReadAll(in)
	return string(rest)
}
