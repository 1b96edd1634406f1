package crm

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newWorld is one that listens nowhere, with three hosts called slow.
func newWorld() (*World, *Hosts) {
	w, slow := &World{}, &Hosts{Name: "slow", Count: 3, Arrived: func(int64, time.Time, int) {}}
	slow.Behave(Takes)
	w.Settle(slow)
	return w, slow
}

func TestNamesAreResolved(t *testing.T) {
	w, slow := newWorld()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); w.serveNames(conn) }()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	lookUp := func(name string) string {
		addrs, err := r.LookupHost(t.Context(), name)
		if failed, ok := errors.AsType[*net.DNSError](err); ok && failed.IsNotFound {
			return "none"
		} else if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return strings.Join(addrs, " ")
	}
	for name, want := range map[string]string{"slow-0.test": "127.1.0.0", "SLOW-2.test.": "127.1.0.2", "slow-3.test": "none", "fast-0.test": "none"} {
		if got := lookUp(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	slow.Vanish()
	if got := lookUp(slow.Host(1)); got != hole.String() {
		t.Errorf("a host that has vanished: got %s, want %v", got, hole)
	}
}

func TestAHostAnswersAsItWasTold(t *testing.T) {
	w, slow := newWorld()
	var lead int64
	var status int
	slow.Arrived = func(id int64, _ time.Time, answer int) { lead, status = id, answer }
	post := func(host, body string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+host+"/17", strings.NewReader(body))
		answer := httptest.NewRecorder()
		w.ServeHTTP(answer, r)
		return answer.Code
	}
	if got := post("slow-1.test", `{"lead": {"id":42,"contact":{"id":7}}}`); got != http.StatusNoContent || lead != 42 || status != got {
		t.Errorf("got the answer %d, and lead %d with %d noted; want 204 for lead 42", got, lead, status)
	}
	slow.Behave(Limited(0.1))
	if first, second := post("slow-0.test", `{"id": 1}`), post("slow-0.test", `{"id": 2}`); first != http.StatusNoContent || second != http.StatusTooManyRequests {
		t.Errorf("at a tenth of a lead a second: got %d and %d at once, want 204 and 429", first, second)
	}
	if got := post("slow-1.test", `{"lead":{}}`); got != http.StatusBadRequest {
		t.Errorf("without an id: got %d, want 400", got)
	}
	if got := post("slow-3.test", `{"id":1}`); got != http.StatusMisdirectedRequest {
		t.Errorf("at a host that is not there: got %d, want 421", got)
	}
}

func TestCertificatesAreTheHosts(t *testing.T) {
	a, err := newAuthority(filepath.Join(t.TempDir(), "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	issued, err := a.certificate("slow-1.test")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := a.certificate("slow-1.test"); err != nil || again != issued {
		t.Errorf("asked again: got another certificate or %v, want the same", err)
	}
	leaf, err := x509.ParseCertificate(issued.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	for name, want := range map[string]bool{"slow-1.test": true, "slow-2.test": false} {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); (err == nil) != want {
			t.Errorf("for %s: got %v, want it good: %v", name, err, want)
		}
	}
}
