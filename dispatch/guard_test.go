package dispatch_test

import (
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/leadhook/leadhook/internal/realstack"
	"github.com/leadhook/leadhook/lead"
)

// TestGuardChecksWhatIsDialled: a name is not what counts, its address is.
func TestGuardChecksWhatIsDialled(t *testing.T) {
	crm := newCRM(t, answer(http.StatusOK))
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(crm.URL, "http://"))
	opts := options(crm.URL)
	opts.Attempt.Guard.AllowCIDRs = nil
	r := newRig(t, opts, hooks{webhook("w", "http://localhost:"+port+"/hook?token=s3cret")})
	r.handle(t, message(call))
	letter := r.onlyLetter(t)
	if letter.Evidence != lead.NotSent || letter.Attempts != 1 || letter.Reason != lead.Exhausted {
		t.Errorf("got %s after %d attempts, %s; want not_sent after 1, exhausted",
			letter.Evidence, letter.Attempts, letter.Reason)
	}
	if !strings.Contains(letter.Error, "is loopback: refused; allow it with http.allow_cidrs") {
		t.Errorf("got %q, want which address was refused, and what to do", letter.Error)
	}
	if got := len(crm.seen()); got != 0 {
		t.Errorf("got %d POSTs to a refused address, want none", got)
	}
}

// TestEnvironmentProxyIsIgnored: leads go nowhere that the operator did not
// name in the settings.
func TestEnvironmentProxyIsIgnored(t *testing.T) {
	var used atomic.Int32
	address := socket(t, func(context.Context, net.Conn) { used.Add(1) })
	t.Setenv("HTTP_PROXY", "http://"+address)
	t.Setenv("HTTPS_PROXY", "http://"+address)
	r := newRig(t, options(), hooks{webhook("w", "http://crm.invalid/")})
	r.handle(t, message(call))
	if letter := r.onlyLetter(t); used.Load() != 0 || !strings.Contains(letter.Error, "crm.invalid") {
		t.Errorf("got the proxy used %d times, %q; want the name looked up", used.Load(), letter.Error)
	}
}

func TestProxy(t *testing.T) {
	seen := make(chan string, 8)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Method + " " + r.RequestURI
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(proxy.Close)
	for _, c := range []struct{ url, seen, text string }{
		{"http://crm.example.com/a?b=c", "POST http://crm.example.com/a?b=c", ""},
		{"http://crm.example.com/{a}?b=c", "POST http://crm.example.com/{a}?b=c", ""},
		{"http://crm.example.com", "POST http://crm.example.com/", ""},
		{"https://crm.example.com/a", "CONNECT crm.example.com:443", "the proxy answered 403 Forbidden"},
		{"http://10.0.0.1/", "", "address 10.0.0.1 is private"},
	} {
		opts := options()
		opts.QuickAttempts = 1
		opts.Attempt.Proxy, _ = url.Parse(proxy.URL) // on a port and an address that no webhook may have
		r := newRig(t, opts, hooks{webhook("w", c.url)})
		r.handle(t, message(call))
		if c.seen != "" {
			if got := <-seen; got != c.seen {
				t.Errorf("%s: got %q at the proxy, want %q", c.url, got, c.seen)
			}
		}
		if c.text == "" {
			r.wantDelivered(t)
			continue
		}
		if letter := r.onlyLetter(t); !strings.Contains(letter.Error, c.text) || letter.Evidence != lead.NotSent {
			t.Errorf("%s: got %q, %s; want %q, not_sent", c.url, letter.Error, letter.Evidence, c.text)
		}
	}
}

// TestAnswersThroughATunnel: a status counts as it does without a proxy, and the connection
// is used again.
func TestAnswersThroughATunnel(t *testing.T) {
	var posts atomic.Int32
	crm := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		posts.Add(1)
		if strings.HasSuffix(r.URL.Path, "odd") {
			conn, out, _ := w.(http.Hijacker).Hijack()
			_, _ = out.WriteString("HTTP/1.1 200 OK\r\npreload\r\n\r\n")
			_ = out.Flush()
			_ = conn.Close()
		}
	}))
	crm.StartTLS()
	t.Cleanup(crm.Close)
	for _, secure := range []bool{false, true} {
		var tunnels atomic.Int32
		proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			tunnels.Add(1)
			if user, password, ok := parseBasic(r.Header.Get("Proxy-Authorization")); !ok || user != "me" || password != "hush" {
				w.WriteHeader(http.StatusProxyAuthRequired)
				return
			}
			forward(t, w, crm.Listener.Addr().String())
		}))
		if proxy.Config.ErrorLog = quiet; secure {
			proxy.StartTLS()
		} else {
			proxy.Start()
		}
		t.Cleanup(proxy.Close)
		opts := options()
		opts.QuickAttempts = 1
		opts.Attempt.Proxy, _ = url.Parse(proxy.URL)
		opts.Attempt.Proxy.User = url.UserPassword("me", "hush")
		opts.Attempt.RootCAs = x509.NewCertPool()
		opts.Attempt.RootCAs.AddCert(crm.Certificate())
		r := newRig(t, opts, hooks{webhook("w", "https://example.com/lead"), webhook("x", "https://example.com/odd")})
		for range 5 {
			r.handle(t, message(call))
		}
		r.wantDelivered(t)
		if made, got := posts.Swap(0), tunnels.Load(); made != 10 || got > 6 {
			t.Errorf("proxy with TLS %v: got %d POSTs through %d tunnels, want 10 through 6 at most", secure, made, got)
		}
	}
}

// forward makes a tunnel of a request.
func forward(t *testing.T, w http.ResponseWriter, address string) {
	t.Helper()
	to, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer to.Close()
	conn, in, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(conn, to)
		_ = conn.Close()
	}()
	_, _ = io.Copy(to, in)
	_ = conn.Close()
}

// parseBasic reads a Proxy-Authorization.
func parseBasic(value string) (user, password string, ok bool) {
	r := http.Request{Header: http.Header{"Authorization": {value}}}
	return r.BasicAuth()
}

// TestProxyThatFails: what an operator reads then is about the proxy, and not
// about the CRM.
func TestProxyThatFails(t *testing.T) {
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = quiet
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	socks := socket(t, func(_ context.Context, conn net.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, 3)) // version, and that no password is one way
		_, _ = conn.Write([]byte{5, 0})
		_, _ = io.ReadFull(conn, make([]byte, 5))
		_, _ = conn.Write([]byte{5, 2, 0, 1, 0, 0, 0, 0, 0, 0}) // not allowed by its rules
		_, _ = io.Copy(io.Discard, conn)
	})
	for _, c := range []struct{ proxy, text string }{
		{"http://" + realstack.FreeAddr(t), "the proxy cannot be reached"},
		{untrusted.URL, "the proxy cannot be trusted: certificate of 127.0.0.1"},
		{"socks5://" + socks, "the proxy did not connect to the CRM"},
	} {
		opts := options()
		opts.QuickAttempts = 1
		opts.Attempt.Proxy, _ = url.Parse(c.proxy)
		r := newRig(t, opts, hooks{webhook("w", "https://crm.example.com/")})
		r.handle(t, message(call))
		if letter := r.onlyLetter(t); !strings.Contains(letter.Error, c.text) || letter.Evidence != lead.NotSent {
			t.Errorf("%s: got %q, %s; want %q, not_sent", c.proxy, letter.Error, letter.Evidence, c.text)
		}
	}
}
