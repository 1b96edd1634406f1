//go:build unix

package http1_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A server is what a Transport connects to.
type server struct {
	address  string
	accepted atomic.Int32
}

// listen calls serve for each connection, which is closed afterwards.
func listen(tb testing.TB, serve func(conn net.Conn)) *server {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &server{address: listener.Addr().String()}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.accepted.Add(1)
			serving.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	tb.Cleanup(func() { _ = listener.Close(); serving.Wait() })
	return s
}

// answering serves connections on which each request gets this answer; then
// it is closed, or waits for the other side to do so.
func answering(answer string, closes bool) func(net.Conn) {
	return func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for take(in) == nil {
			_, _ = io.WriteString(conn, answer)
			if closes {
				return
			}
		}
	}
}

// take reads one request.
func take(in *bufio.Reader) error {
	r, err := http.ReadRequest(in)
	if err == nil {
		_, err = io.Copy(io.Discard, r.Body)
	}
	return err
}

// next counts what is left to it, and makes it with net/http.
type next struct {
	http.Transport

	requests atomic.Int32
}

func (n *next) RoundTrip(r *http.Request) (*http.Response, error) {
	n.requests.Add(1)
	return n.Transport.RoundTrip(r)
}

// newTransport returns one with what is common to most tests.
func newTransport(tb testing.TB) (asker, *next) {
	n := &next{}
	t := &http1.Transport{
		Next: n, Dial: (&net.Dialer{}).DialContext,
		HandshakeTimeout: 10 * time.Second, MaxHeader: 64 << 10, MaxBody: 1 << 20, BodyTimeout: 10 * time.Second, IdleTimeout: 10 * time.Second,
	}
	tb.Cleanup(t.CloseIdleConnections)
	return asker{t}, n
}

// An asker asks a Transport for what an [http.Request] says, so that it can be
// compared with net/http.
type asker struct{ *http1.Transport }

func (a asker) RoundTrip(r *http.Request) (*http.Response, error) {
	request, err := ask(r)
	if err != nil {
		return nil, err
	}
	deadline, _ := r.Context().Deadline()
	answer, err := a.Post(noValues{r.Context()}, request, deadline)
	if err != nil {
		return nil, err
	}
	end := io.EOF
	if !answer.Whole {
		end = io.ErrUnexpectedEOF
	}
	header := http.Header{}
	if answer.RetryAfter != "" {
		header.Set("Retry-After", answer.RetryAfter)
	}
	body := io.MultiReader(bytes.NewReader(answer.Body), iotest.ErrReader(end))
	return &http.Response{StatusCode: answer.Status, Proto: answer.Proto, Header: header, Body: io.NopCloser(body)}, nil
}

// noValues hides the values of a context, such as the hooks that the request has
// by itself.
type noValues struct{ context.Context }

func (noValues) Value(any) any { return nil }

// groupKey is that of the group in the context of an [http.Request].
type groupKey struct{}

func ask(r *http.Request) (*http1.Request, error) {
	body, err := io.ReadAll(r.Body)
	var fields []http1.HeaderField
	for name, values := range r.Header {
		for _, value := range values {
			fields = append(fields, http1.HeaderField{Name: name, Value: value})
		}
	}
	group, _ := r.Context().Value(groupKey{}).(string)
	half := len(fields) / 2 // some with all requests, some with this one
	return &http1.Request{Template: http1.NewTemplate(r.URL, fields[:half], group, nil), Fields: fields[half:], Body: [][]byte{body[:len(body)/2], body[len(body)/2:]},
		Trace: httptrace.ContextClientTrace(r.Context()), Keep: func(int) int { return 1 << 20 }}, err
}

func newPost(tb testing.TB, url, body string) *http.Request {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// post makes a request and reads the answer to its end.
func post(tb testing.TB, t http.RoundTripper, url string) (status int, body string) {
	tb.Helper()
	answer, err := t.RoundTrip(newPost(tb, url, "lead"))
	if err != nil {
		tb.Fatal(err)
	}
	read, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode, string(read)
}

// TestRequestIsThatOfNetHTTP compares the bytes that are sent, but for the
// order of the fields, with those of net/http.
func TestRequestIsThatOfNetHTTP(t *testing.T) {
	sent := make(chan string, 1)
	s := listen(t, func(conn net.Conn) {
		var raw bytes.Buffer
		if take(bufio.NewReader(io.TeeReader(conn, &raw))) == nil {
			sent <- raw.String()
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
	})
	transport, plain := newTransport(t)
	plain.DisableCompression = true
	for name, change := range map[string]func(r *http.Request){
		"nothing special": func(*http.Request) {},
		"empty path":      func(r *http.Request) { r.URL.Path = "" },
		"query":           func(r *http.Request) { r.URL.RawQuery = "a=b%20c&d" },
		"escapes":         func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/a/b c/ü", "/a%2Fb%20c/%C3%BC" },
		"opaque":          func(r *http.Request) { r.URL.Opaque = "/a[b]|c" },
		"opaque host":     func(r *http.Request) { r.URL.Opaque = "//" + r.URL.Host + "//a" },
		"fields": func(r *http.Request) {
			r.Header = http.Header{"Authorization": {"Bearer a b"}, "X-Two": {"1", "2"}, "X-None": {}, "X-Empty": {""}, "Accept": {"ü"}}
		},
		"fields that say where the message ends": func(r *http.Request) {
			r.Header = http.Header{"Content-Length": {"1"}, "Transfer-Encoding": {"chunked"}, "Trailer": {"X"}, "Host": {"x"}, "User-Agent": {"x"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got [2]string
			for i, way := range []http.RoundTripper{transport, &plain.Transport} {
				r := newPost(t, "http://"+s.address+"/lead", "a lead")
				r.Header.Set("User-Agent", "leadhook")
				change(r)
				if r.Header.Get("User-Agent") == "" {
					r.Header.Set("User-Agent", "leadhook") // net/http has one of its own, which this package has not
				}
				answer, err := way.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = answer.Body.Close()
				got[i] = sorted(<-sent)
			}
			if diff := cmp.Diff(got[1], got[0]); diff != "" {
				t.Errorf("the request differs (-net/http +http1):\n%s", diff)
			}
		})
	}
	if n := plain.requests.Load(); n != 0 {
		t.Errorf("%d requests were left to net/http, want none", n)
	}
}

// sorted puts a request's fields in order.
func sorted(request string) string {
	head, body, _ := strings.Cut(request, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	slices.Sort(lines[1:])
	return strings.Join(lines, "\n") + "\n\n" + body
}

// TestConnections has two requests one after the other, and counts the
// connections that they take.
func TestConnections(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		closes bool
		status int
		body   string
		again  bool // the second request goes over the first one's connection
	}{
		"no content":               {"HTTP/1.1 204 No Content\r\n\r\n", false, 204, "", true},
		"empty":                    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, "", true},
		"body":                     {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", true},
		"chunks":                   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, 200, "hello", true},
		"trailer":                  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n", false, 200, "hello", true},
		"refusal":                  {"HTTP/1.1 422 No\r\nContent-Length: 2\r\n\r\nno", false, 422, "no", true},
		"continue first":           {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", false, 204, "", false},
		"kept HTTP/1.0":            {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", true},
		"HTTP/1.0":                 {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", false},
		"close":                    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", false},
		"until its end":            {"HTTP/1.1 200 OK\r\n\r\nhello", true, 200, "hello", false},
		"cut short":                {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", true, 200, "hello", false},
		"more than that":           {"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", false, 204, "", false},
		"length and chunks":        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false, 200, "ok", false},
		"one length twice":         {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", false},
		"no content of a length":   {"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", false, 204, "", false},
		"no content of none":       {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", false, 204, "", true},
		"other line ends":          {"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", false, 200, "ok", false},
		"another first line end":   {"HTTP/1.1 200 OK\nX: y\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", false},
		"a field of two lines":     {"HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", false},
		"not only ASCII":           {"HTTP/1.1 200 OK\r\nServer: \u00fc\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", false},
		"kept for a while":         {"HTTP/1.1 200 OK\r\nKeep-Alive: max=9, timeout=5\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", true},
		"kept for no time":         {"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", false},
		"kept for no time, chunks": {"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, 200, "", false},
		"another protocol": {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
			false, 101, "", false},
		"chunks that are none": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n", false, 200, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := listen(t, answering(c.answer, c.closes))
			transport, _ := newTransport(t)
			for range 2 {
				if status, body := post(t, transport, "http://"+s.address); status != c.status || body != c.body {
					t.Errorf("got %d %q, want %d %q", status, body, c.status, c.body)
				}
			}
			if again := s.accepted.Load() == 1; again != c.again {
				t.Errorf("got %d connections for two requests; want the first one used again: %v", s.accepted.Load(), c.again)
			}
		})
	}
}

// TestUsualAnswer has answers that come in one piece. Those that are unusual are
// read by net/http.
// TestAnswers has answers of all forms: each is one whatever stands below its status line,
// and its connection is used again where nothing is in doubt.
func TestAnswers(t *testing.T) {
	const ok, two = "HTTP/1.1 200 OK\r\n", "Content-Length: 2\r\n\r\nok"
	for name, c := range map[string]struct {
		answer      string
		reused      bool
		retry, body string
	}{
		"no content": {"HTTP/1.1 204 No Content\r\n\r\n", true, "", ""},
		"empty":      {ok + "Content-Length: 0\r\n\r\n", true, "", ""},
		"as of a server": {ok + "Server: nginx/1.27\r\nDate: Sun, 29 Nov 2026 10:00:00 GMT\r\nContent-Type: application/json\r\n" +
			"content-length: 11\r\nConnection: Keep-Alive\r\nSet-Cookie: a=b; Path=/\r\n\r\n{\"ok\":true}", true, "", `{"ok":true}`},
		"overloaded":             {"HTTP/1.1 503 No\r\nRetry-After:  120 \r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\nno", true, "120", "no"},
		"without a reason":       {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", true, "", ""},
		"chunks":                 {ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true, "", "ok"},
		"chunks and a trailer":   {ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n", true, "", "ok"},
		"closes":                 {ok + "Connection: x, close\r\n" + two, false, "", "ok"},
		"a long line":            {ok + "X: " + strings.Repeat("x", 9000) + "\r\n" + two, true, "", "ok"},
		"a long body":            {ok + "Content-Length: 5000\r\n\r\n" + strings.Repeat("x", 5000), true, "", strings.Repeat("x", 5000)},
		"a line without a colon": {ok + "preload\r\n" + two, false, "", "ok"},
		"a name that is none":    {ok + "X Y: z\r\n" + two, false, "", "ok"},
		"a blank before a colon": {ok + "X : z\r\n" + two, false, "", "ok"},
		"NUL":                    {ok + "X: \x00\r\n" + two, false, "", "ok"},
		"Latin-1":                {"HTTP/1.1 503 No\r\nRetry-After: 120\r\nX: \xe9\r\n" + two, false, "120", "ok"},
		"NUL in a long line":     {ok + "X: " + strings.Repeat("x", 9000) + "\x00\r\n" + two, false, "", "ok"},
		"one length twice":       {ok + "Content-Length: 2\r\n" + two, false, "", "ok"},
		"two lengths":            {ok + "Content-Length: 1\r\n" + two, false, "", "ok"},
		"an empty length":        {ok + "Content-Length:\r\n" + two, false, "", "ok"},
		"a length and chunks":    {ok + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false, "", "ok"},
		"identity":               {ok + "Transfer-Encoding: identity\r\n" + two, false, "", "ok"},
		"chunked twice":          {ok + "Transfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false, "", "ok"},
		"chunked in two lines":   {ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false, "", "ok"},
		"a folded line":          {ok + "X: y\r\n z\r\n" + two, false, "", "ok"},
		"ends of lines as LF":    {"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", false, "", "ok"},
		"after an interim one":   {"HTTP/1.1 103 Early\r\nX\r\n\r\n" + ok + two, false, "", "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			s := listen(t, answering(c.answer, false))
			transport, _ := newTransport(t)
			transport.BodyTimeout = 100 * time.Millisecond
			for range 2 {
				request, err := ask(newPost(t, "http://"+s.address, "lead"))
				if err != nil {
					t.Fatal(err)
				}
				answer, err := transport.Post(t.Context(), request, time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				if !answer.Whole || answer.RetryAfter != c.retry || string(answer.Body) != c.body {
					t.Errorf("got whole %v, Retry-After %q, body %.20q; want true, %q, %.20q", answer.Whole, answer.RetryAfter, answer.Body, c.retry, c.body)
				}
			}
			if got := s.accepted.Load() == 1; got != c.reused {
				t.Errorf("the connection was used again: %v, want %v", got, c.reused)
			}
		})
	}
}

// TestAnswersThatEndTooSoon has servers that close within the header.
func TestAnswersThatEndTooSoon(t *testing.T) {
	for answer, status := range map[string]int{
		"HTTP/1.1 200 OK\r\n":                               200,
		"HTTP/1.1 400 No\r\nContent-Type: text/pl":          400,
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello": 200,
		"HTTP/1.1 200 OK":                                   0,
		"HTTP/1.1 100 Continue\r\nX: y":                     0,
		"\r\nHTTP/1.1 200 OK\r\n\r\n":                       0,
		"SSH-2.0-OpenSSH_9.6\r\n\r\n":                       0,
	} {
		s := listen(t, answering(answer, true))
		transport, _ := newTransport(t)
		got, err := transport.RoundTrip(newPost(t, "http://"+s.address, "lead"))
		if (err != nil) != (status == 0) || err == nil && got.StatusCode != status {
			t.Errorf("%q: got %v, %v; want status %d", answer, got, err, status)
		}
	}
}

func TestUnreadBodyCostsItsConnection(t *testing.T) {
	long := strings.Repeat("x", 5000)
	s := listen(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"+long, false))
	transport, _ := newTransport(t)
	transport.MaxBody = 3
	for range 2 {
		answer, err := transport.RoundTrip(newPost(t, "http://"+s.address, "lead"))
		if err != nil {
			t.Fatal(err)
		}
		if read, err := io.ReadAll(answer.Body); string(read) != "xxx" || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %q and error %v, want what is read of a long body", read, err)
		}
	}
	if got := s.accepted.Load(); got != 2 {
		t.Errorf("got %d connections, want 2", got)
	}
}

// TestKeep has answers of which more or less is to be kept.
func TestKeep(t *testing.T) {
	for name, c := range map[string]struct{ request, answer string }{
		"usual":        {"lead", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
		"chunks":       {"lead", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"},
		"large":        {strings.Repeat("lead", 10<<10), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
		"no more came": {"lead", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"},
	} {
		for _, keep := range []int{0, 3, 5, 100} {
			s := listen(t, answering(c.answer, name == "no more came"))
			transport, _ := newTransport(t)
			request := &http1.Request{
				Template: http1.NewTemplate(&url.URL{Scheme: "http", Host: s.address}, nil, "", nil),
				Body:     [][]byte{[]byte(c.request)}, Keep: func(int) int { return keep },
			}
			answer, err := transport.Post(t.Context(), request, time.Now().Add(time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			if want := "hello"[:min(keep, 5)]; string(answer.Body) != want || answer.Whole == (name == "no more came") {
				t.Errorf("%s, %d bytes to keep: got %q, whole %v; want %q", name, keep, answer.Body, answer.Whole, want)
			}
			transport.CloseIdleConnections()
		}
	}
}

// TestIdleConnectionThatEnds has servers that end an idle connection, or make
// it useless: that is found out without a request.
func TestIdleConnectionThatEnds(t *testing.T) {
	for name, end := range map[string]func(conn net.Conn){
		"closed": func(conn net.Conn) { _ = conn.(*net.TCPConn).CloseWrite() },
		"speaks": func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 408 Too Slow\r\n\r\n") },
		"reset":  func(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0); _ = conn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			noticed := make(chan struct{}, 2)
			s := listen(t, func(conn net.Conn) {
				in := bufio.NewReader(conn)
				if take(in) != nil {
					return
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
				end(conn)
				_, _ = in.ReadByte() // until the other side closes it too
				noticed <- struct{}{}
			})
			transport, _ := newTransport(t)
			transport.IdleTimeout = time.Second
			for range 2 {
				if status, _ := post(t, transport, "http://"+s.address); status != http.StatusNoContent {
					t.Errorf("got %d, want 204", status)
				}
				<-noticed
			}
		})
	}
}

// TestIdleConnectionsAreClosedInTime has servers that say how long they keep a
// connection, or do not.
func TestIdleConnectionsAreClosedInTime(t *testing.T) {
	for name, c := range map[string]struct {
		field       string
		least, most time.Duration
	}{
		"nothing said":            {"", 100 * time.Millisecond, 5 * time.Second},
		"longer":                  {"Keep-Alive: timeout=1\r\n", 500 * time.Millisecond, 5 * time.Second},
		"longer than we keep any": {"Keep-Alive: timeout=99999\r\n", time.Second, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed := make(chan time.Duration, 1)
			s := listen(t, func(conn net.Conn) {
				in := bufio.NewReader(conn)
				_ = take(in)
				_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n"+c.field+"\r\n")
				answered := time.Now()
				_, _ = in.ReadByte()
				closed <- time.Since(answered)
			})
			transport, _ := newTransport(t)
			transport.IdleTimeout, transport.MaxIdleTime = 100*time.Millisecond, time.Second
			post(t, transport, "http://"+s.address)
			if after := <-closed; after < c.least || after > c.most {
				t.Errorf("closed after %v, want %v to %v", after, c.least, c.most)
			}
		})
	}
}

// TestServerThatClosesWithoutSayingSo answers one request on each connection and
// closes it when the next one comes: one request is lost, and then it gets fresh
// connections.
func TestServerThatClosesWithoutSayingSo(t *testing.T) {
	for name, end := range map[string]func(conn net.Conn){
		"closed": func(net.Conn) {},
		"reset":  func(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) },
	} {
		t.Run(name, func(t *testing.T) {
			s := listen(t, func(conn net.Conn) {
				in := bufio.NewReader(conn)
				_ = take(in)
				_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
				if take(in) == nil {
					end(conn)
				}
			})
			transport, _ := newTransport(t)
			var lost []int
			for i := range 20 {
				if _, err := transport.RoundTrip(newPost(t, "http://"+s.address, "lead")); err != nil {
					lost = append(lost, i)
				}
			}
			if !slices.Equal(lost, []int{1}) {
				t.Errorf("lost the requests %v, want only the second one", lost)
			}
		})
	}
}

func TestIdleConnectionsAreBounded(t *testing.T) {
	const posts, most = 5, 2
	var all sync.WaitGroup
	all.Add(posts)
	ended := make(chan struct{}, posts)
	serve := func(conn net.Conn) {
		in := bufio.NewReader(conn)
		_ = take(in)
		all.Done()
		all.Wait()
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		_, _ = in.ReadByte()
		ended <- struct{}{}
	}
	servers := []*server{listen(t, serve), listen(t, serve)}
	transport, _ := newTransport(t)
	transport.IdleTimeout, transport.MaxIdle = time.Hour, most
	var posting sync.WaitGroup
	for i := range posts {
		posting.Go(func() { post(t, transport, "http://"+servers[i%2].address) })
	}
	posting.Wait()
	for range posts - most {
		<-ended
	}
	select {
	case <-ended:
		t.Errorf("got fewer than %d idle connections", most)
	default:
	}
	transport.CloseIdleConnections()
	for range most {
		<-ended
	}
}

// TestLongestIdleIsClosed has more hosts than connections may be idle.
func TestLongestIdleIsClosed(t *testing.T) {
	ended := make(chan string, 4)
	servers := map[string]*server{}
	for _, name := range []string{"a", "b", "c"} {
		servers[name] = listen(t, func(conn net.Conn) {
			answering("HTTP/1.1 204 No Content\r\n\r\n", false)(conn)
			ended <- name
		})
	}
	transport, _ := newTransport(t)
	transport.IdleTimeout, transport.MaxIdle = time.Hour, 2
	for _, c := range []struct{ post, closed string }{{"a", ""}, {"b", ""}, {"c", "a"}, {"b", ""}, {"a", "c"}, {"c", "b"}} {
		post(t, transport, "http://"+servers[c.post].address)
		if c.closed == "" {
			continue
		}
		if got := <-ended; got != c.closed {
			t.Errorf("after a request to %s, the connection to %s was closed, want that to %s", c.post, got, c.closed)
		}
	}
	if got := servers["b"].accepted.Load(); got != 1 {
		t.Errorf("got %d connections to b, want the first one used again", got)
	}
}

// TestOldConnectionIsNotUsed has one that is too old although nobody came to
// close it, as after a machine was suspended.
func TestOldConnectionIsNotUsed(t *testing.T) {
	s := listen(t, answering("HTTP/1.1 204 No Content\r\n\r\n", false))
	transport, _ := newTransport(t)
	transport.IdleTimeout = time.Hour
	post(t, transport, "http://"+s.address)
	transport.IdleTimeout = 0
	post(t, transport, "http://"+s.address)
	if got := s.accepted.Load(); got != 2 {
		t.Errorf("got %d connections, want a new one for the second request", got)
	}
}

func TestCloseIdleConnections(t *testing.T) {
	const posts = 3
	var all sync.WaitGroup
	all.Add(posts)
	ended := make(chan struct{}, posts)
	s := listen(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		_ = take(in)
		all.Done()
		all.Wait()
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		_, _ = in.ReadByte()
		ended <- struct{}{}
	})
	transport, _ := newTransport(t)
	transport.IdleTimeout = time.Hour
	var posting sync.WaitGroup
	for range posts {
		posting.Go(func() { post(t, transport, "http://"+s.address) })
	}
	posting.Wait()
	transport.CloseIdleConnections()
	for range posts {
		<-ended
	}
}

// TestNoAnswer tells apart how a server ends a connection instead of answering.
func TestNoAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(conn net.Conn)
		want error
	}{
		"closed": {func(net.Conn) {}, io.EOF},
		"reset":  {func(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) }, syscall.ECONNRESET},
	} {
		t.Run(name, func(t *testing.T) {
			s := listen(t, func(conn net.Conn) {
				_ = take(bufio.NewReader(conn))
				c.end(conn)
			})
			transport, _ := newTransport(t)
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotFirstResponseByte: func() { t.Error("a byte came") }})
			_, err := transport.RoundTrip(newPost(t, "http://"+s.address, "lead").WithContext(ctx))
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestDeadline(t *testing.T) {
	const soon = 50 * time.Millisecond
	for name, c := range map[string]struct {
		begins        string // of an answer that has no end
		context, body time.Duration
	}{
		"before the answer":     {"", soon, time.Hour},
		"within the header":     {"HTTP/1.1 200 OK\r\nX:", soon, time.Hour},
		"within the body":       {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", soon, time.Hour},
		"within the body's own": {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", time.Hour, soon},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{})
			s := listen(t, func(conn net.Conn) {
				in := bufio.NewReader(conn)
				_ = take(in)
				_, _ = io.WriteString(conn, c.begins)
				_, _ = in.ReadByte()
				close(ended)
			})
			transport, _ := newTransport(t)
			transport.BodyTimeout = c.body
			ctx, cancel := context.WithTimeout(t.Context(), c.context)
			defer cancel()
			answer, err := transport.RoundTrip(newPost(t, "http://"+s.address, "lead").WithContext(ctx))
			if err == nil {
				_, err = io.ReadAll(answer.Body)
			} else if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
			}
			if <-ended; err == nil {
				t.Error("got a whole answer")
			}
		})
	}
}

// TestDeadlineIsThatOfOneExchange lets the deadline of an exchange come while
// its connection is idle.
func TestDeadlineIsThatOfOneExchange(t *testing.T) {
	crm := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer crm.Close()
	transport, _ := newTransport(t)
	post(t, transport, crm.URL)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	reused := 0
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if info.Reused {
			reused++
		}
	}})
	for _, ctx := range []context.Context{ctx, context.WithoutCancel(ctx)} {
		if _, err := transport.RoundTrip(newPost(t, crm.URL, "lead").WithContext(ctx)); err != nil {
			t.Fatal(err)
		}
		if ctx.Done() != nil {
			<-ctx.Done()
		}
	}
	if reused != 2 {
		t.Errorf("the connection was used again %d times, want 2", reused)
	}
}

func TestHeadersAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		answer   string
		readable bool // its status line
	}{
		"a long line":    {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n", true},
		"many lines":     {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 20<<10) + "\r\n", true},
		"no line at all": {strings.Repeat("x", 70<<10), false},
		"endless 1xx":    {strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 10<<10), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := listen(t, answering(c.answer, false))
			transport, _ := newTransport(t)
			for range 2 {
				if _, err := transport.RoundTrip(newPost(t, "http://"+s.address, "lead")); (err == nil) != c.readable {
					t.Errorf("got error %v", err)
				}
			}
			if got := s.accepted.Load(); got != 2 {
				t.Errorf("got %d connections, want 2", got)
			}
		})
	}
}

// TestOthersAreLeftToNext has requests that a single goroutine could not make,
// or would make otherwise than net/http.
func TestOthersAreLeftToNext(t *testing.T) {
	crm := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer crm.Close()
	transport, n := newTransport(t)
	for name, r := range map[string]*http.Request{
		"no body": newPost(t, crm.URL, ""),
	} {
		before := n.requests.Load()
		answer, err := transport.RoundTrip(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if n.requests.Load() != before+1 {
			t.Errorf("%s: was not left to Next", name)
		}
	}
	for _, other := range []string{"http://bücher.example", "http://[fe80::1%25lo]", "ftp://crm.example", "http:///x"} {
		u, err := url.Parse(other)
		if err != nil {
			t.Fatal(err)
		}
		r := newPost(t, crm.URL, "x")
		r.URL = u
		before := n.requests.Load()
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nothing is to be called
		if _, err := transport.RoundTrip(r.WithContext(ctx)); err == nil || n.requests.Load() != before+1 {
			t.Errorf("%s: got error %v, want it left to Next", other, err)
		}
	}
}

// TestLargeRequests has a server that reads all of a request, and one that answers before.
func TestLargeRequests(t *testing.T) {
	const size, answer = 16 << 20, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno"
	var read atomic.Int64
	for name, c := range map[string]struct {
		serve    func(conn net.Conn, end <-chan struct{})
		accepted int32 // connections of two requests
		status   int
	}{
		"reads all": {func(conn net.Conn, _ <-chan struct{}) {
			for in := bufio.NewReader(conn); take(in) == nil; {
				_, _ = io.WriteString(conn, answer)
			}
		}, 1, 413},
		"takes it before it has read it": {func(conn net.Conn, _ <-chan struct{}) {
			_, _ = io.CopyN(io.Discard, conn, 1000)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
			n, _ := io.Copy(io.Discard, conn)
			read.Add(n)
		}, 2, 200},
		"answers and does not read on": {func(conn net.Conn, end <-chan struct{}) {
			_ = conn.(*net.TCPConn).SetReadBuffer(16 << 10) // or all would be in its buffer
			_, _ = io.CopyN(io.Discard, conn, 1000)
			_, _ = io.WriteString(conn, answer)
			<-end
		}, 2, 413},
	} {
		t.Run(name, func(t *testing.T) {
			end := make(chan struct{})
			defer close(end)
			s := listen(t, func(conn net.Conn) { c.serve(conn, end) })
			transport, _ := newTransport(t)
			for range 2 {
				got, err := transport.RoundTrip(newPost(t, "http://"+s.address, strings.Repeat("x", size)))
				if err != nil {
					t.Fatal(err)
				}
				if body, err := io.ReadAll(got.Body); got.StatusCode != c.status || string(body) != "no" || err != nil {
					t.Errorf("got %d, %q and error %v", got.StatusCode, body, err)
				}
			}
			if got := s.accepted.Load(); got != c.accepted {
				t.Errorf("got %d connections, want %d", got, c.accepted)
			}
		})
	}
	if got := read.Load(); got < 2*(size-1000) {
		t.Errorf("a server that answers first got %d bytes of two requests, want all", got)
	}
}

func TestNothingInvalidIsSent(t *testing.T) {
	transport, _ := newTransport(t)
	transport.Dial = func(context.Context, string, string) (net.Conn, error) {
		t.Error("dialled")
		return nil, errors.New("no")
	}
	for name, change := range map[string]func(r *http.Request){
		"value":  func(r *http.Request) { r.Header["X"] = []string{"a\r\nSecret: b"} },
		"name":   func(r *http.Request) { r.Header["X: y\r\nZ"] = []string{"secret"} },
		"host":   func(r *http.Request) { r.URL.Host = "a\r\nSecret: b" },
		"target": func(r *http.Request) { r.URL.Opaque = "/a HTTP/1.1\r\nSecret: b" },
	} {
		r := newPost(t, "http://127.0.0.1:1", "lead")
		change(r)
		if _, err := transport.RoundTrip(r); err == nil || strings.Contains(strings.ToLower(err.Error()), "secret") {
			t.Errorf("%s: got error %v, want one that quotes nothing", name, err)
		}
	}
}

func TestDialThatFails(t *testing.T) {
	transport, _ := newTransport(t)
	refused := errors.New("refused")
	transport.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, refused }
	if _, err := transport.RoundTrip(newPost(t, "http://crm.example", "lead")); !errors.Is(err, refused) {
		t.Errorf("got %v, want the error of Dial", err)
	}
}

// TestManyAtOnce has many goroutines share few connections, which are looked at and
// closed meanwhile. Each gets the answers to its own requests.
func TestManyAtOnce(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	for name, start := range map[string]func(http.Handler) *httptest.Server{"plain": httptest.NewServer, "TLS": httptest.NewTLSServer} {
		t.Run(name, func(t *testing.T) {
			crm := start(echo)
			defer crm.Close()
			transport, _ := newTransport(t)
			transport.TLS, transport.MaxIdle, transport.IdleTimeout = trusting(crm), 18, 160*time.Millisecond
			var posts sync.WaitGroup
			for worker := range 20 {
				posts.Go(func() {
					for i := range 50 {
						body := strings.Repeat(strconv.Itoa(worker)+" ", 1+i*100)
						answer, err := transport.RoundTrip(newPost(t, crm.URL, body))
						if err != nil {
							t.Error(err)
							return
						}
						if read, err := io.ReadAll(answer.Body); string(read) != body {
							t.Errorf("got %.20q, %d bytes, for %.20q, %d bytes, error %v", read, len(read), body, len(body), err)
						}
						_ = answer.Body.Close()
					}
				})
			}
			posts.Wait()
		})
	}
}

// BenchmarkPost is a POST of 1 KB, 64 at once, here and with net/http; the
// server is in the same process.
func BenchmarkPost(b *testing.B) {
	crm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer crm.Close()
	transport, plain := newTransport(b)
	plain.MaxIdleConnsPerHost, plain.DisableCompression = 64, true
	body := strings.Repeat("x", 1<<10)
	request, err := ask(newPost(b, crm.URL, body))
	if err != nil {
		b.Fatal(err)
	}
	for name, post := range map[string]func() error{
		"http1": func() error {
			_, err := transport.Post(b.Context(), request, time.Time{})
			return err
		},
		"net-http": func() error {
			answer, err := plain.Transport.RoundTrip(newPost(b, crm.URL, body))
			if err == nil {
				_ = answer.Body.Close()
			}
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(64 / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := post(); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// FuzzAnswer compares what becomes of an answer with net/http, where that says that it is
// one.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "HTTP/1.0 200 OK\n\nhello",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nconnection: Keep-Alive\r\nContent-length:\t2 \r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 204 x\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: +2\r\n\r\nok",
		"HTTP/1.1 429 x\r\nretry-after: 7\r\nRetry-After: 8\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 304 x\r\n\r\n",
		"HTTP/1.1 503 x\r\nRetry-After:\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 299\r\n\r\n",
		"HTTP/1.1 503 x\r\nRetry-After: 5\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "SSH-2.0\r\n", "HTTP/1.1 2 \r\n\r\n", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		dial := func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				if take(bufio.NewReader(theirs)) == nil {
					_, _ = theirs.Write(answer)
				}
				_ = theirs.Close()
			}()
			return ours, nil
		}
		plain := &http.Transport{DialContext: dial, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10}
		defer plain.CloseIdleConnections()
		transport := asker{&http1.Transport{Dial: dial, MaxHeader: 64 << 10, MaxBody: 1 << 20, BodyTimeout: time.Minute, IdleTimeout: time.Second}}
		defer transport.CloseIdleConnections()
		got, want := outcome(t, transport), outcome(t, plain)
		if want[0] == noAnswer {
			return // see FuzzHead
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("answer %q (-net/http +http1):\n%s", answer, diff)
		}
	})
}

const noAnswer = "no answer"

// outcome is what a caller gets to know of an answer.
func outcome(t *testing.T, way http.RoundTripper) []string {
	answer, err := way.RoundTrip(newPost(t, "http://crm.example", "lead"))
	if err != nil {
		return []string{noAnswer}
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusSwitchingProtocols {
		return []string{"101"}
	}
	retryAfter := ""
	for _, value := range slices.Backward(answer.Header["Retry-After"]) {
		if value != "" {
			retryAfter = value
		}
	}
	body, err := io.ReadAll(answer.Body)
	end := "whole"
	if err != nil {
		end = "cut short"
	}
	return []string{answer.Proto, strconv.Itoa(answer.StatusCode), retryAfter, string(body), end}
}
