package dispatch_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/lead"
)

func TestHTTP2(t *testing.T) {
	proto := make(chan string, 1)
	crm := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		proto <- r.Proto + " " + r.RequestURI + " " + string(body)
	}))
	crm.EnableHTTP2 = true
	crm.StartTLS()
	t.Cleanup(crm.Close)
	opts := options(crm.URL)
	opts.Attempt.RootCAs = pool(crm.Certificate())
	r := newRig(t, opts, hooks{webhook("w", crm.URL+"/{Odd}//?q")})
	r.handle(t, message(call))
	r.wantDelivered(t)
	if got, want := <-proto, "HTTP/2.0 /{Odd}//?q "+`{"lead": `+call+`}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestHTTP2HeadersAreBounded(t *testing.T) {
	crm := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Huge", strings.Repeat("x", 100<<10))
	}))
	crm.EnableHTTP2 = true
	crm.StartTLS()
	t.Cleanup(crm.Close)
	opts := options(crm.URL)
	opts.Attempt.RootCAs = pool(crm.Certificate())
	r := newRig(t, opts, hooks{webhook("w", crm.URL)})
	r.handle(t, message(call))
	if letter := r.onlyLetter(t); !strings.Contains(letter.Error, "headers of more than 64 KiB") {
		t.Errorf("got %q, want that the headers are too large", letter.Error)
	}
}

// TestHTTP2WindowIsBounded: what a CRM may send before it is read is memory.
func TestHTTP2WindowIsBounded(t *testing.T) {
	window := make(chan uint32, 1)
	address, opts := serveHTTP2(t, func(_ int32, out *http2.Framer, stream uint32) {
		respond(out, stream, true)
	}, func(settings *http2.SettingsFrame) {
		if size, ok := settings.Value(http2.SettingInitialWindowSize); ok {
			window <- size
		}
	})
	r := newRig(t, opts, hooks{webhook("w", "https://"+address)})
	r.handle(t, message(call))
	r.wantDelivered(t)
	if got := <-window; got > 64<<10 {
		t.Errorf("got a window of %d bytes, want no more than is read of an answer", got)
	}
}

// serveHTTP2 speaks HTTP/2 frame by frame. It calls end for each request that
// it read to its end, with the number that this one has over all connections.
func serveHTTP2(
	t *testing.T, end func(n int32, out *http2.Framer, stream uint32), settings ...func(*http2.SettingsFrame),
) (address string, opts dispatch.Options) {
	pair, parsed := certificate(t, "127.0.0.1", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	config := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}}
	var posts atomic.Int32
	address = socket(t, func(ctx context.Context, raw net.Conn) {
		conn := tls.Server(raw, config)
		if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		framer := http2.NewFramer(conn, conn)
		_ = framer.WriteSettings()
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			switch f := frame.(type) {
			case *http2.SettingsFrame:
				if !f.IsAck() {
					_ = framer.WriteSettingsAck()
					for _, see := range settings {
						see(f)
					}
				}
			case *http2.DataFrame:
				if f.StreamEnded() {
					end(posts.Add(1), framer, f.StreamID)
				}
			}
		}
	})
	opts = options(address)
	opts.Attempt.RootCAs, opts.QuickAttempts = pool(parsed), 1
	return address, opts
}

// TestMisdirectedRequestsGetANewConnection: what answered 421 is not used again.
func TestMisdirectedRequestsGetANewConnection(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		var mu sync.Mutex
		posts := map[string]int{} // by connection
		crm := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if posts[r.RemoteAddr]++; len(posts) == 1 {
				w.WriteHeader(http.StatusMisdirectedRequest)
			}
		}))
		crm.EnableHTTP2 = http2
		crm.StartTLS()
		t.Cleanup(crm.Close)
		opts := options(crm.URL)
		opts.Attempt.RootCAs = pool(crm.Certificate())
		r := newRig(t, opts, hooks{webhook("w", crm.URL)})
		r.handle(t, message(call))
		r.wantDelivered(t)
		mu.Lock()
		if len(posts) != 2 || r.count(t, "leadhook_attempts_total", "transient") != 1 {
			t.Errorf("HTTP/2 %v: got %d connections, want that the second attempt has a new one and is delivered", http2, len(posts))
		}
		mu.Unlock()
	}
}

func respond(out *http2.Framer, stream uint32, whole bool) {
	var block bytes.Buffer
	_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	_ = out.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: block.Bytes(), EndStream: whole, EndHeaders: true,
	})
}

// TestHTTP2Resets: what the server says it did not process is sent again at
// once, and nothing else is, although net/http would.
func TestHTTP2Resets(t *testing.T) {
	for _, c := range []struct {
		name      string
		first     func(out *http2.Framer, stream uint32)
		posts     int32
		delivered bool
	}{
		{"refused stream", func(out *http2.Framer, stream uint32) {
			_ = out.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
		}, 2, true},
		{"going away before it", func(out *http2.Framer, stream uint32) {
			_ = out.WriteGoAway(stream-1, http2.ErrCodeNo, nil)
		}, 2, true},
		{"going away after it", func(out *http2.Framer, stream uint32) {
			_ = out.WriteGoAway(stream, http2.ErrCodeNo, nil)
			respond(out, stream, true)
		}, 1, true},
		{"protocol error", func(out *http2.Framer, stream uint32) {
			_ = out.WriteRSTStream(stream, http2.ErrCodeProtocol)
		}, 1, false},
		{"internal error", func(out *http2.Framer, stream uint32) {
			_ = out.WriteRSTStream(stream, http2.ErrCodeInternal)
		}, 1, false},
		{"going away with an error", func(out *http2.Framer, stream uint32) {
			_ = out.WriteGoAway(0, http2.ErrCodeProtocol, nil)
		}, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var posts atomic.Int32
			address, opts := serveHTTP2(t, func(n int32, out *http2.Framer, stream uint32) {
				posts.Store(n)
				if n == 1 {
					c.first(out, stream)
					return
				}
				respond(out, stream, true)
			})
			r := newRig(t, opts, hooks{webhook("w", "https://"+address)})
			r.handle(t, message(call))
			if got := posts.Load(); got != c.posts {
				t.Errorf("got %d POSTs, want %d", got, c.posts)
			}
			if c.delivered {
				r.wantDelivered(t)
				return
			}
			if letter := r.onlyLetter(t); letter.Evidence != lead.MaybeReceived || letter.Status != 0 {
				t.Errorf("got %s, status %d (%s); want maybe_received and none",
					letter.Evidence, letter.Status, letter.Error)
			}
		})
	}
}

// TestHTTP2CRMThatDoesNotRead answers, floods the connection with pings and
// reads none of the replies. The attempt must not wait until it does.
func TestHTTP2CRMThatDoesNotRead(t *testing.T) {
	address, opts := serveHTTP2(t, func(_ int32, out *http2.Framer, stream uint32) {
		respond(out, stream, false)
		for out.WritePing(false, [8]byte{}) == nil {
		}
	})
	opts.Attempt.Timeout = time.Minute
	r := newRig(t, opts, hooks{webhook("w", "https://"+address)})
	began := time.Now()
	r.handle(t, message(call))
	if took := time.Since(began); took > 20*time.Second { // on a busy machine
		t.Errorf("got it settled after %v, want the connection closed after 2s", took)
	}
	r.wantDelivered(t)
}

// TestHTTP2ConnectionsAreBounded has leads for more CRMs than connections may
// stay open: half as many as attempts beside those of the attempts, and those that
// were in use when the last ones were opened.
func TestHTTP2ConnectionsAreBounded(t *testing.T) {
	const crms, inFlight = 40, 2
	const most = inFlight + inFlight/2 + inFlight
	var open atomic.Int32
	var all hooks
	var urls []string
	var roots *x509.CertPool
	for i := range crms {
		crm := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		crm.EnableHTTP2 = true
		crm.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				open.Add(1)
			case http.StateClosed:
				open.Add(-1)
			case http.StateActive, http.StateIdle, http.StateHijacked:
			}
		}
		crm.StartTLS()
		t.Cleanup(crm.Close)
		all, urls, roots = append(all, webhook(fmt.Sprint("w", i), crm.URL)), append(urls, crm.URL), pool(crm.Certificate())
	}
	opts := options(urls...)
	opts.Attempt.RootCAs, opts.Attempt.MaxInFlight, opts.QuickAttempts = roots, inFlight, 1
	r := newRig(t, opts, all)
	for range 5 {
		r.handle(t, message(call))
	}
	r.wantDelivered(t)
	for end := time.Now().Add(2 * time.Second); open.Load() > most && time.Now().Before(end); { // servers notice late
		time.Sleep(time.Millisecond)
	}
	if got := open.Load(); got > most {
		t.Errorf("got %d connections to %d CRMs still open, want %d at most", got, crms, most)
	}
}
