//go:build faults

package faults

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leadhook/leadhook/internal/realstack"
)

// A crm is a hostile CRM: each path answers as it was last told to, and each
// POST is remembered. It listens without TLS, and with each kind of TLS that
// something asked for.
type crm struct {
	*record
	t        *testing.T
	server   *http.Server
	listener net.Listener
	sound    string   // the URL of the listener with a sound certificate; empty: none yet
	ports    []string // all that it listens on, and some that nobody does

	mu         sync.RWMutex
	behaviours map[string]behaviour // by path; guarded by mu
	usual      behaviour            // of all other paths; guarded by mu
}

func newCRM(t *testing.T) *crm {
	t.Helper()
	c := &crm{record: newRecord(), t: t, behaviours: map[string]behaviour{}, usual: takes}
	c.server = &http.Server{Handler: c, IdleTimeout: 2 * time.Minute}
	c.listener = c.listen(func(ln net.Listener) error { return c.server.Serve(ln) })
	t.Cleanup(func() { _ = c.server.Close() })
	return c
}

// listen serves on a port of its own until the test ends.
func (c *crm) listen(serve func(net.Listener) error) net.Listener {
	c.t.Helper()
	return c.listenAt("127.0.0.1:0", serve)
}

func (c *crm) listenAt(addr string, serve func(net.Listener) error) net.Listener {
	c.t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		c.t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() { _ = serve(ln) })
	c.t.Cleanup(served.Wait)
	c.t.Cleanup(func() { _ = ln.Close() })
	c.allow(ln.Addr().String())
	return ln
}

// allow adds a port to those that the service may call.
func (c *crm) allow(addr string) {
	_, port, _ := net.SplitHostPort(addr)
	c.ports = append(c.ports, port)
}

func (c *crm) url() string { return "http://" + c.listener.Addr().String() }

// another is the URL of one more listener, which the service takes for another host.
func (c *crm) another() string {
	c.t.Helper()
	return "http://" + c.listen(func(ln net.Listener) error { return c.server.Serve(ln) }).Addr().String()
}

// secure serves with a certificate too, and returns the URL of that.
func (c *crm) secure(certificate tls.Certificate) string {
	c.t.Helper()
	server := &http.Server{Handler: c, IdleTimeout: 2 * time.Minute, ErrorLog: silent,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}}
	ln := c.listen(func(ln net.Listener) error { return server.ServeTLS(ln, "", "") })
	c.t.Cleanup(func() { _ = server.Close() })
	return "https://" + ln.Addr().String()
}

// securely is a URL with a certificate of the authority.
func (c *crm) securely(ca *authority) string {
	if c.sound == "" {
		c.sound = c.secure(ca.sound())
	}
	return c.sound
}

// refusing is a URL whose port is allowed and where nobody listens.
func (c *crm) refusing() string {
	c.t.Helper()
	addr := realstack.FreeAddr(c.t)
	c.allow(addr)
	return "http://" + addr
}

// comeBack listens where a webhook's URL leads to, and nobody has listened.
func (c *crm) comeBack(h *hook) {
	c.t.Helper()
	addr := strings.TrimSuffix(strings.TrimPrefix(h.URL, "http://"), h.path())
	c.listenAt(addr, func(ln net.Listener) error { return c.server.Serve(ln) })
}

// behave says how a path answers from now on.
func (c *crm) behave(path string, b behaviour) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.behaviours[path] = b
}

// usually says how all paths answer that were not told otherwise.
func (c *crm) usually(b behaviour) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.usual = b
}

func (c *crm) behaviour(path string) behaviour {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if b, told := c.behaviours[path]; told {
		return b
	}
	return c.usual
}

// ServeHTTP reads a POST, has its path's behaviour answer it, and remembers
// both.
func (c *crm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusBadRequest)
		return // it has not come whole: nobody has taken anything
	}
	attempt, _ := strconv.ParseUint(r.Header.Get("Webhook-Attempt"), 10, 16)
	x := &exchange{w: w, r: r, post: post{
		begin: time.Now().UnixMicro(), attempt: uint16(attempt), body: sum(body), instance: instanceOf(r.UserAgent())}}
	c.began()
	defer func() {
		x.post.end = time.Now().UnixMicro()
		if r.Context().Err() != nil && !x.sent {
			x.post.status = 0 // the client did not wait for it
		}
		c.over(x.post, r.Header.Get("Webhook-Id"), addressOf(r.URL.Path, r.Header.Get("Authorization")))
		if x.abort {
			panic(http.ErrAbortHandler)
		}
	}()
	c.behaviour(r.URL.Path)(x)
}
