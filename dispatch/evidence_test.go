package dispatch_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadhook/leadhook/internal/realstack"
	"github.com/leadhook/leadhook/lead"
)

func TestNothingSentIsRetriedQuickly(t *testing.T) {
	address := realstack.FreeAddr(t)
	r := newRig(t, options(address), hooks{webhook("w", "http://"+address)})
	r.handle(t, message(call))
	letter := r.onlyLetter(t)
	if letter.Evidence != lead.NotSent || letter.Attempts != 3 || letter.Status != 0 {
		t.Errorf("got %s after %d attempts, status %d; want not_sent after 3, no status",
			letter.Evidence, letter.Attempts, letter.Status)
	}
	if letter.Error != "connection refused" || letter.Reason != lead.Exhausted {
		t.Errorf("got %s: %q, want exhausted: connection refused", letter.Reason, letter.Error)
	}
}

func TestUnknownName(t *testing.T) {
	r := newRig(t, options(), hooks{webhook("w", "https://crm.invalid/secret-path")})
	r.handle(t, message(call))
	letter := r.onlyLetter(t)
	if letter.Evidence != lead.NotSent || letter.Reason != lead.Exhausted ||
		!strings.Contains(letter.Error, "crm.invalid") || !strings.Contains(letter.Error, "(DNS)") {
		t.Errorf("got %s, %s: %q; want not_sent, exhausted and the name", letter.Evidence, letter.Reason, letter.Error)
	}
}

// TestMaybeReceivedIsNotRetriedQuickly: another POST within seconds could make
// a second lead in the CRM.
func TestMaybeReceivedIsNotRetriedQuickly(t *testing.T) {
	var posts atomic.Int32
	address := socket(t, func(_ context.Context, conn net.Conn) {
		if readPost(bufio.NewReader(conn)) == nil {
			posts.Add(1)
		}
	})
	r := newRig(t, options(address), hooks{webhook("w", "http://"+address)})
	r.handle(t, message(call))
	letter := r.onlyLetter(t)
	if got := posts.Load(); got != 1 || letter.Attempts != 1 || letter.Evidence != lead.MaybeReceived {
		t.Errorf("got %d POSTs, %d attempts, %s; want 1, 1, maybe_received", got, letter.Attempts, letter.Evidence)
	}
	if got := r.count(t, "leadhook_attempts_maybe_received_total"); got != 1 {
		t.Errorf("got %v counted as maybe received, want 1", got)
	}
}

// TestResetBeforeWriting has a CRM that resets each connection when it opens.
// Whether a byte went out is then a race, but the grade must tell the truth:
// an attempt that could write is never called unsent.
func TestResetBeforeWriting(t *testing.T) {
	var received atomic.Int32
	address := socket(t, func(_ context.Context, conn net.Conn) {
		if conn.(*net.TCPConn).SetReadDeadline(time.Now().Add(time.Microsecond)) == nil {
			n, _ := conn.Read(make([]byte, 1))
			received.Add(int32(n))
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
	})
	opts := options(address)
	opts.QuickAttempts = 1
	r := newRig(t, opts, hooks{webhook("w", "http://"+address)})
	const leads = 50
	for range leads {
		r.handle(t, message(call))
	}
	var maybe int32
	for _, letter := range r.letters.all() {
		if letter.Evidence == lead.MaybeReceived {
			maybe++
		}
	}
	if maybe < received.Load() {
		t.Errorf("got %d graded maybe_received, want at least the %d that the CRM saw bytes of", maybe, received.Load())
	}
}

// TestIdleConnectionClosed has a CRM that closes its connections when they
// have been idle: the next lead takes a new one, and nobody notices.
func TestIdleConnectionClosed(t *testing.T) {
	closed := make(chan struct{}, 1)
	address := socket(t, func(_ context.Context, conn net.Conn) {
		if readPost(bufio.NewReader(conn)) == nil {
			_, _ = io.WriteString(conn, ok)
		}
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn) // until the other side noticed
		closed <- struct{}{}
	})
	r := newRig(t, options(address), hooks{webhook("w", "http://"+address)})
	for range 5 {
		r.handle(t, message(call))
		<-closed
	}
	r.wantDelivered(t)
	if got := r.count(t, "leadhook_deliveries_total", "json", "delivered"); got != 5 {
		t.Errorf("got %v delivered, want 5", got)
	}
}

// TestIdleConnectionIsClosedFirst: before the 5 seconds of many CRMs are over,
// since a lead that meets their close may be taken for received.
func TestIdleConnectionIsClosedFirst(t *testing.T) {
	t.Parallel()
	closed := make(chan time.Duration, 1)
	address := socket(t, func(_ context.Context, conn net.Conn) {
		in := bufio.NewReader(conn)
		if readPost(in) != nil {
			return
		}
		_, _ = io.WriteString(conn, ok)
		answered := time.Now()
		_, _ = in.ReadByte()
		closed <- time.Since(answered)
	})
	r := newRig(t, options(address), hooks{webhook("w", "http://"+address)})
	r.handle(t, message(call))
	if after := <-closed; after > 4500*time.Millisecond {
		t.Errorf("got the idle connection closed after %v, want it well before 5s", after)
	}
}

// TestNoSilentSecondPost has a CRM that closes a used connection instead of
// answering the second lead on it. net/http would POST that lead again by
// itself if a header called it idempotent.
func TestNoSilentSecondPost(t *testing.T) {
	for _, header := range []string{"X-Own", "Idempotency-Key", "X-Idempotency-Key"} {
		t.Run(header, func(t *testing.T) {
			var posts atomic.Int32
			address := socket(t, func(_ context.Context, conn net.Conn) {
				in := bufio.NewReader(conn)
				for n := 1; readPost(in) == nil; n++ {
					posts.Add(1)
					if n == 2 {
						return
					}
					_, _ = io.WriteString(conn, ok)
				}
			})
			hook := webhook("w", "http://"+address)
			hook.Headers = map[string]lead.Secret{header: "1"}
			r := newRig(t, options(address), hooks{hook})
			r.handle(t, message(call))
			r.handle(t, message(call))
			if got := posts.Load(); got != 2 {
				t.Errorf("got %d POSTs of 2 leads, want 2", got)
			}
			if letter := r.onlyLetter(t); letter.Attempts != 1 || letter.Evidence != lead.MaybeReceived {
				t.Errorf("got %d attempts, %s; want 1, maybe_received", letter.Attempts, letter.Evidence)
			}
		})
	}
}

func TestAnsweredIsRetriedQuickly(t *testing.T) {
	crm := newCRM(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n < 3 {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	r := newRig(t, options(crm.URL), hooks{webhook("w", crm.URL)})
	r.handle(t, message(call))
	r.wantDelivered(t)
	for i, post := range crm.seen() {
		if got, want := post.Get("Webhook-Attempt"), string(rune('1'+i)); got != want {
			t.Errorf("POST %d: got webhook-attempt %s, want %s", i+1, got, want)
		}
		if got, want := post.Get("Webhook-Id"), crm.seen()[0].Get("Webhook-Id"); got != want {
			t.Errorf("POST %d: got webhook-id %s, want the first one's, %s", i+1, got, want)
		}
	}
	if got := len(crm.seen()); got != 3 {
		t.Errorf("got %d POSTs, want 3", got)
	}
}

// TestConnectionsAreReused: also after answers with a body, short of the
// largest that is read.
func TestConnectionsAreReused(t *testing.T) {
	var connections atomic.Int32
	address := socket(t, func(_ context.Context, conn net.Conn) {
		connections.Add(1)
		for in := bufio.NewReader(conn); readPost(in) == nil; {
			_, _ = io.WriteString(conn, "HTTP/1.1 500 No\r\nContent-Length: 60000\r\n\r\n"+strings.Repeat("x", 60000))
		}
	})
	r := newRig(t, options(address), hooks{webhook("w", "http://"+address)})
	for range 3 {
		r.handle(t, message(call))
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("got %d connections for 9 attempts, want 1", got)
	}
}
