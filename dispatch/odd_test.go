package dispatch_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadhook/leadhook/lead"
)

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

// TestOddCRMs posts one lead to servers that do what servers should not.
func TestOddCRMs(t *testing.T) {
	afterPost := func(f func(conn net.Conn)) func(context.Context, net.Conn) {
		return func(_ context.Context, conn net.Conn) {
			if readPost(bufio.NewReader(conn)) == nil {
				f(conn)
			}
		}
	}
	says := func(text string) func(context.Context, net.Conn) {
		return afterPost(func(conn net.Conn) { _, _ = io.WriteString(conn, text) })
	}
	for _, c := range []struct {
		name     string
		serve    func(context.Context, net.Conn)
		status   int // 200: delivered
		evidence lead.Evidence
		text     string
	}{
		{"closes after reading", says(""), 0, lead.MaybeReceived, "closed the connection without an answer"},
		{"resets after reading", afterPost(func(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) }),
			0, lead.MaybeReceived, "reset before an answer"},
		{"garbage", says("SSH-2.0-OpenSSH_9.6\r\n\r\n"), 0, lead.MaybeReceived, "no valid HTTP answer"},
		{"half a header", says("HTTP/1.1 200 OK\r\nContent-"), 200, "", ""},
		{"a refusal, half a header", says("HTTP/1.1 422 No\r\nContent-"), 422, lead.Answered, "answered 422"},
		{"half a status line", says("HTTP/1.1 200 O"), 0, lead.MaybeReceived, "no valid HTTP answer"},
		{"a line that is no field", says("HTTP/1.1 200 OK\r\npreload\r\nContent-Length: 0\r\n\r\n"), 200, "", ""},
		{"huge header", says("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100<<10) + "\r\n\r\n"), 200, "", ""},
		{"echoes the request", func(_ context.Context, conn net.Conn) { _, _ = io.Copy(conn, conn) },
			0, lead.MaybeReceived, "no valid HTTP answer"},
		{"never answers", afterPost(func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }),
			0, lead.MaybeReceived, "no answer within 1s"},
		{"never reads", func(ctx context.Context, _ net.Conn) { <-ctx.Done() },
			0, lead.MaybeReceived, "no answer within 1s"},
		{"body cut short", says("HTTP/1.1 201 Created\r\nContent-Length: 50\r\n\r\nnot fifty"), 200, "", ""},
		{"body cut short after a refusal", says("HTTP/1.1 422 No\r\nContent-Length: 50\r\n\r\nnot fifty"),
			422, lead.Answered, "answered 422"},
		{"chunks that are none", says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz"), 200, "", ""},
		{"continue nobody asked for", says("HTTP/1.1 100 Continue\r\n\r\n" + ok), 200, "", ""},
		{"early hints", says("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok), 200, "", ""},
		{"HTTP/1.0", says("HTTP/1.0 200 OK\r\n\r\nthanks"), 200, "", ""},
		{"switches protocols and waits", afterPost(func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
			_, _ = io.Copy(io.Discard, conn)
		}), 101, lead.Answered, "answered 101"},
		{"its own words", says("HTTP/1.1 400 token s3cret is wrong\r\nContent-Length: 0\r\n\r\n"),
			400, lead.Answered, "answered 400 Bad Request"},
		{"answers before the body", func(_ context.Context, conn net.Conn) {
			_, _ = bufio.NewReader(conn).ReadString('\n')
			_, _ = io.WriteString(conn, ok)
			_, _ = io.Copy(io.Discard, conn)
		}, 200, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			address := socket(t, c.serve)
			opts := options(address)
			opts.QuickAttempts = 1
			if strings.Contains(c.text, "within 1s") {
				opts.Attempt.Timeout = time.Second
			}
			r := newRig(t, opts, hooks{webhook("w", "http://"+address+"/hook?token=s3cret")})
			r.handle(t, message(call))
			if c.status == http.StatusOK {
				r.wantDelivered(t)
				return
			}
			letter := r.onlyLetter(t)
			if letter.Status != c.status || letter.Evidence != c.evidence || !strings.Contains(letter.Error, c.text) {
				t.Errorf("got status %d, %s, %q; want status %d, %s, %q",
					letter.Status, letter.Evidence, letter.Error, c.status, c.evidence, c.text)
			}
			if strings.Contains(letter.Error, "s3cret") || strings.Contains(letter.Error, "/hook") {
				t.Errorf("got %q, want nothing of the URL or of the CRM's words", letter.Error)
			}
		})
	}
}

// TestAnswerBodiesAreBounded has answers that never end, or hardly begin: the
// status decides at once, and the connection is not waited for.
func TestAnswerBodiesAreBounded(t *testing.T) {
	var sent atomic.Int64
	for _, c := range []struct {
		name  string
		serve func(w http.ResponseWriter, ended context.Context)
	}{
		{"endless", func(w http.ResponseWriter, ended context.Context) {
			block := make([]byte, 16<<10)
			for ended.Err() == nil {
				n, _ := w.Write(block)
				sent.Add(int64(n))
			}
		}},
		{"gzip bomb", func(w http.ResponseWriter, ended context.Context) {
			w.Header().Set("Content-Encoding", "gzip")
			bomb, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
			block := make([]byte, 1<<20)
			for range 200 {
				if _, err := bomb.Write(block); err != nil || ended.Err() != nil {
					return
				}
			}
		}},
		{"drip", func(w http.ResponseWriter, ended context.Context) {
			for ended.Err() == nil {
				_, _ = w.Write([]byte("."))
				_ = http.NewResponseController(w).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			crm := newCRM(t, func(_ int, w http.ResponseWriter, r *http.Request) { c.serve(w, r.Context()) })
			opts := options(crm.URL)
			opts.Attempt.Timeout = time.Minute
			r := newRig(t, opts, hooks{webhook("w", crm.URL)})
			began := time.Now()
			r.handle(t, message(call))
			if took := time.Since(began); took > 20*time.Second { // on a busy machine
				t.Errorf("got it settled after %v, want about a second at most", took)
			}
			r.wantDelivered(t)
		})
	}
	if most := int64(16 << 20); sent.Load() > most {
		t.Errorf("got %d bytes of the endless answer sent, want the connection closed before %d", sent.Load(), most)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := newCRM(t, answer(http.StatusOK))
	crm := newCRM(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	r := newRig(t, options(crm.URL, elsewhere.URL), hooks{webhook("w", crm.URL)})
	r.handle(t, message(call))
	r.handle(t, message(call))
	if got := len(elsewhere.seen()); got != 0 {
		t.Errorf("got %d POSTs where the redirect leads to, want none", got)
	}
	for _, post := range crm.seen() {
		if cookie := post.Get("Cookie"); cookie != "" {
			t.Errorf("got cookie %q sent, want none", cookie)
		}
	}
	for _, letter := range r.letters.all() {
		if letter.Reason != lead.Refused || !strings.Contains(letter.Error, "redirects are not followed") {
			t.Errorf("got %s, %q, want refused and why", letter.Reason, letter.Error)
		}
	}
}
