//go:build unix

package http1_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var silent = log.New(io.Discard, "", 0)

// trusting returns what trusts the server.
func trusting(crm *httptest.Server) *tls.Config {
	return crm.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
}

// listenTLS calls serve for each connection after its handshake. config may be
// nil; the certificate is that of crm.
func listenTLS(t *testing.T, crm *httptest.Server, config *tls.Config, serve func(conn *tls.Conn)) *server {
	t.Helper()
	if config == nil {
		config = &tls.Config{}
	}
	config.Certificates = crm.TLS.Certificates
	return listen(t, func(conn net.Conn) {
		secure := tls.Server(conn, config)
		if secure.Handshake() == nil {
			serve(secure)
		}
	})
}

// certified returns a server that is only there for its certificate.
func certified(t *testing.T) *httptest.Server {
	t.Helper()
	crm := httptest.NewTLSServer(nil)
	t.Cleanup(crm.Close)
	return crm
}

// TestTLS has servers that speak one protocol, or choose. What speaks HTTP/2 is
// left to Next, and found out once.
func TestTLS(t *testing.T) {
	const posts = 3
	for name, c := range map[string]struct {
		h2       bool
		protocol string
		left     int32 // to Next, of three requests
		accepted int32 // connections
	}{
		"HTTP/1.1": {false, "HTTP/1.1", 0, 1},
		"HTTP/2":   {true, "HTTP/2.0", posts, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var protocol atomic.Value
			var accepted atomic.Int32
			crm := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { protocol.Store(r.Proto) }))
			crm.EnableHTTP2 = c.h2
			crm.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					accepted.Add(1)
				}
			}
			crm.StartTLS()
			defer crm.Close()
			transport, n := newTransport(t)
			transport.TLS = trusting(crm)
			n.TLSClientConfig, n.ForceAttemptHTTP2 = transport.TLS, true
			for range posts {
				if status, _ := post(t, transport, crm.URL); status != http.StatusOK {
					t.Errorf("got %d, want 200", status)
				}
			}
			if got := n.requests.Load(); got != c.left || protocol.Load() != c.protocol {
				t.Errorf("%d of %d requests were left to Next, the last one in %v; want %d, %s", got, posts, protocol.Load(), c.left, c.protocol)
			}
			if got := accepted.Load(); got != c.accepted {
				t.Errorf("got %d connections, want %d", got, c.accepted)
			}
		})
	}
}

// TestServerThatChangesItsProtocol has one that speaks HTTP/2, then HTTP/1.1 only,
// then HTTP/2 again, as behind a load balancer.
func TestServerThatChangesItsProtocol(t *testing.T) {
	var offered atomic.Pointer[[]string]
	crm := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	crm.EnableHTTP2 = true
	crm.Config.ErrorLog = silent
	crm.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		config := crm.TLS.Clone()
		config.GetConfigForClient, config.NextProtos = nil, *offered.Load()
		return config, nil
	}}
	crm.StartTLS()
	defer crm.Close()
	transport, n := newTransport(t)
	transport.TLS = trusting(crm)
	n.TLSClientConfig, n.ForceAttemptHTTP2 = transport.TLS, true
	both, old := []string{"h2", "http/1.1"}, []string{"http/1.1"}
	for _, c := range []struct {
		offered []string
		proto   string
		left    int32
	}{{both, "HTTP/2.0", 1}, {old, "HTTP/1.1", 2}, {old, "HTTP/1.1", 2}, {both, "HTTP/2.0", 3}} {
		offered.Store(&c.offered)
		transport.CloseIdleConnections()
		if _, proto := post(t, transport, crm.URL); proto != c.proto || n.requests.Load() != c.left {
			t.Errorf("got %s, %d requests left to Next; want %s, %d", proto, n.requests.Load(), c.proto, c.left)
		}
	}
}

// TestSessionsAreResumed has a server each of whose connections takes one request,
// another one of the same name on another port, and groups that do not share
// sessions.
func TestSessionsAreResumed(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			crm := certified(t)
			config := &tls.Config{MaxVersion: version}
			serve := func(conn *tls.Conn) {
				if take(bufio.NewReader(conn)) == nil {
					_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
					_, _ = io.Copy(io.Discard, conn)
				}
			}
			one, other := listenTLS(t, crm, config, serve), listenTLS(t, crm, config, serve)
			transport, _ := newTransport(t)
			transport.TLS = trusting(crm)
			transport.TLS.ClientSessionCache = tls.NewLRUClientSessionCache(4)
			var resumed []bool
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
				TLSHandshakeDone: func(s tls.ConnectionState, _ error) { resumed = append(resumed, s.DidResume) },
			})
			for _, c := range []struct {
				*server

				group string
			}{{one, ""}, {one, ""}, {other, ""}, {other, ""}, {one, ""}, {one, "a"}, {one, "a"}, {one, "b"}, {one, ""}} {
				r := newPost(t, "https://"+c.address, "lead").WithContext(context.WithValue(ctx, groupKey{}, c.group))
				if _, err := transport.RoundTrip(r); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff([]bool{false, true, false, true, true, false, true, false, true}, resumed); diff != "" {
				t.Errorf("resumed (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTLSThatEndsTooSoon has servers that end TLS, or the connection below it, at
// odd moments. Without a status line none of it is an answer, and none of it is sent again.
func TestTLSThatEndsTooSoon(t *testing.T) {
	reset := func(conn *tls.Conn) { _ = conn.NetConn().(*net.TCPConn).SetLinger(0) }
	half := func(conn *tls.Conn) {
		_ = conn.NetConn().(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
	}
	goodbye := func(conn *tls.Conn) {
		_ = conn.CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
	}
	for name, c := range map[string]struct {
		answer string
		end    func(conn *tls.Conn)
		want   error // nil: any
		status int   // 0: none can be read
	}{
		"goodbye instead of an answer":     {"", goodbye, io.EOF, 0},
		"half closed without a goodbye":    {"", half, io.EOF, 0},
		"reset":                            {"", reset, syscall.ECONNRESET, 0},
		"goodbye within the status line":   {"HTTP/1.1 20", goodbye, nil, 0},
		"half closed within the header":    {"HTTP/1.1 200 OK\r\nX: y\r\n", half, nil, 200},
		"half closed right before the end": {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r", half, nil, 200},
	} {
		t.Run(name, func(t *testing.T) {
			crm := certified(t)
			var posts atomic.Int32
			s := listenTLS(t, crm, nil, func(conn *tls.Conn) {
				if take(bufio.NewReader(conn)) == nil {
					posts.Add(1)
				}
				_, _ = io.WriteString(conn, c.answer)
				c.end(conn)
			})
			transport, _ := newTransport(t)
			transport.TLS = trusting(crm)
			answer, err := transport.RoundTrip(newPost(t, "https://"+s.address, "lead"))
			switch {
			case c.status != 0 && (err != nil || answer.StatusCode != c.status):
				t.Errorf("got %v, %v; want status %d", answer, err, c.status)
			case c.status == 0 && (err == nil || c.want != nil && !errors.Is(err, c.want)):
				t.Errorf("got error %v, want %v", err, c.want)
			}
			if got := posts.Load(); got != 1 {
				t.Errorf("got %d POSTs, want 1", got)
			}
		})
	}
}

// TestAnswerByteByByte has a TLS record for each byte, and requests that are told
// apart: what is read first of an answer must not get into the next one.
func TestAnswerByteByByte(t *testing.T) {
	crm := certified(t)
	s := listenTLS(t, crm, nil, func(conn *tls.Conn) {
		in := bufio.NewReader(conn)
		for n := 0; take(in) == nil; n++ {
			for _, b := range []byte("HTTP/1.1 20" + strconv.Itoa(n) + " OK\r\nContent-Length: 1\r\n\r\n" + strconv.Itoa(n)) {
				_, _ = conn.Write([]byte{b})
			}
		}
	})
	transport, _ := newTransport(t)
	transport.TLS = trusting(crm)
	for n := range 3 {
		if status, body := post(t, transport, "https://"+s.address); status != 200+n || body != strconv.Itoa(n) {
			t.Errorf("got %d %q, want the answer %d", status, body, n)
		}
	}
	if got := s.accepted.Load(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}

// TestTLSThatEndsWithinTheBody has the status, which is what counts.
func TestTLSThatEndsWithinTheBody(t *testing.T) {
	crm := certified(t)
	s := listenTLS(t, crm, nil, func(conn *tls.Conn) {
		if take(bufio.NewReader(conn)) == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nhel")
			_ = conn.CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
		}
	})
	transport, _ := newTransport(t)
	transport.TLS = trusting(crm)
	for range 2 {
		if status, body := post(t, transport, "https://"+s.address); status != http.StatusCreated || body != "hel" {
			t.Errorf("got %d %q, want what came of the answer", status, body)
		}
	}
	if got := s.accepted.Load(); got != 2 {
		t.Errorf("got %d connections, want a new one for the second request", got)
	}
}

// TestTLSThatSaysGoodbye has a server that says so behind its answer, and leaves
// the connection open below.
func TestTLSThatSaysGoodbye(t *testing.T) {
	crm := httptest.NewTLSServer(nil) // for its certificate
	defer crm.Close()
	noticed := make(chan struct{}, 2)
	s := listen(t, func(conn net.Conn) {
		secure := tls.Server(conn, &tls.Config{Certificates: crm.TLS.Certificates, MinVersion: tls.VersionTLS12})
		if take(bufio.NewReader(secure)) != nil {
			return
		}
		_, _ = io.WriteString(secure, "HTTP/1.1 204 No Content\r\n\r\n")
		_ = secure.CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		noticed <- struct{}{}
	})
	transport, _ := newTransport(t)
	transport.TLS = crm.Client().Transport.(*http.Transport).TLSClientConfig
	transport.IdleTimeout = time.Second
	for range 2 {
		if status, _ := post(t, transport, "https://"+s.address); status != http.StatusNoContent {
			t.Errorf("got %d, want 204", status)
		}
		<-noticed
	}
}

func TestTLSThatFails(t *testing.T) {
	t.Run("unknown certificate", func(t *testing.T) {
		crm := httptest.NewUnstartedServer(http.NotFoundHandler())
		crm.Config.ErrorLog = silent
		crm.StartTLS()
		defer crm.Close()
		transport, _ := newTransport(t)
		_, err := transport.RoundTrip(newPost(t, crm.URL, "lead"))
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok {
			t.Errorf("got %v, want the certificate refused", err)
		}
	})
	t.Run("no TLS", func(t *testing.T) {
		s := listen(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "220 mail.example ESMTP\r\n") })
		transport, _ := newTransport(t)
		_, err := transport.RoundTrip(newPost(t, "https://"+s.address, "lead"))
		if _, ok := errors.AsType[tls.RecordHeaderError](err); !ok {
			t.Errorf("got %v, want a record header error", err)
		}
	})
	t.Run("silence", func(t *testing.T) {
		s := listen(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
		transport, _ := newTransport(t)
		transport.HandshakeTimeout = 50 * time.Millisecond
		_, err := transport.RoundTrip(newPost(t, "https://"+s.address, "lead"))
		if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
			t.Errorf("got %v, want a time-out", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := listen(t, func(conn net.Conn) { cancel(); _, _ = io.Copy(io.Discard, conn) })
		transport, _ := newTransport(t)
		_, err := transport.RoundTrip(newPost(t, "https://"+s.address, "lead").WithContext(ctx))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
}

// TestBurstAtAServerThatClosesWithoutSayingSo has many requests at once for a server
// that closes each connection right behind its answer. A connection that was just
// taken is the only one that can be lost so.
func TestBurstAtAServerThatClosesWithoutSayingSo(t *testing.T) {
	const workers, posts = 8, 20
	for _, scheme := range []string{"http://", "https://"} {
		t.Run(scheme, func(t *testing.T) {
			serve := func(conn io.ReadWriter) {
				_ = take(bufio.NewReader(conn))
				_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
			}
			transport, _ := newTransport(t)
			s := listen(t, func(conn net.Conn) { serve(conn) })
			if scheme == "https://" {
				crm := certified(t)
				transport.TLS = trusting(crm)
				s = listenTLS(t, crm, nil, func(conn *tls.Conn) { serve(conn); _ = conn.Close() })
			}
			var lost atomic.Int32
			var posting sync.WaitGroup
			for range workers {
				posting.Go(func() {
					for range posts {
						if _, err := transport.RoundTrip(newPost(t, scheme+s.address, "lead")); err != nil {
							lost.Add(1)
						}
					}
				})
			}
			posting.Wait()
			if got := lost.Load(); got > workers {
				t.Errorf("lost %d of %d requests, want one of each of %d that were made at once at most", got, workers*posts, workers)
			}
		})
	}
}

// TestSilentServersHoldUpNobody: a handshake that hangs is nobody's but its own.
func TestSilentServersHoldUpNobody(t *testing.T) {
	crm := certified(t)
	good := listenTLS(t, crm, nil, func(conn *tls.Conn) {
		_ = take(bufio.NewReader(conn))
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
	})
	asked := make(chan struct{}, 4)
	silent := listen(t, func(conn net.Conn) { asked <- struct{}{}; _, _ = io.Copy(io.Discard, conn) })
	transport, _ := newTransport(t)
	transport.TLS, transport.HandshakeTimeout = trusting(crm), time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	var posting sync.WaitGroup
	for range cap(asked) {
		posting.Go(func() {
			if _, err := transport.RoundTrip(newPost(t, "https://"+silent.address, "lead").WithContext(ctx)); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
		})
	}
	for range cap(asked) {
		<-asked
	}
	if status, _ := post(t, transport, "https://"+good.address); status != http.StatusNoContent {
		t.Errorf("got %d, want 204", status)
	}
	cancel()
	posting.Wait()
}

// TestPanicWhileConnecting: it reaches the caller, who knows which request it was.
func TestPanicWhileConnecting(t *testing.T) {
	transport, _ := newTransport(t)
	transport.Dial = func(context.Context, string, string) (net.Conn, error) { panic("odd") }
	defer func() {
		if got := recover(); got != "odd" {
			t.Errorf("got %v, want the panic", got)
		}
	}()
	_, _ = transport.RoundTrip(newPost(t, "https://crm.example", "lead"))
}

// TestTrace looks at what is told to the hooks for a new connection with TLS,
// and for one that is used again.
func TestTrace(t *testing.T) {
	crm := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer crm.Close()
	transport, _ := newTransport(t)
	transport.TLS = crm.Client().Transport.(*http.Transport).TLSClientConfig
	var seen []string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		ConnectDone:       func(string, string, error) { seen = append(seen, "connected") },
		TLSHandshakeStart: func() { seen = append(seen, "TLS") },
		TLSHandshakeDone:  func(s tls.ConnectionState, err error) { seen = append(seen, s.NegotiatedProtocol) },
		GotConn: func(i httptrace.GotConnInfo) {
			seen = append(seen, map[bool]string{true: "used", false: "new"}[i.Reused])
		},
		WroteRequest:         func(httptrace.WroteRequestInfo) { seen = append(seen, "wrote") },
		GotFirstResponseByte: func() { seen = append(seen, "first byte") },
	})
	for range 2 {
		if _, err := transport.RoundTrip(newPost(t, crm.URL, "lead").WithContext(ctx)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"connected", "TLS", "http/1.1", "new", "wrote", "first byte", "used", "wrote", "first byte"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("the hooks differ (-want +got):\n%s", diff)
	}
}
