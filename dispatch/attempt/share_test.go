package attempt_test

import (
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/lead"
)

// TestSharedConnections has leads of two advertisers for one host, small ones and
// one that is large, and looks at which connection each came over.
func TestSharedConnections(t *testing.T) {
	for name, c := range map[string]struct {
		h2, perAdvertiser bool
		want              []int // the connection of each lead, in the order in which they came up
		proto             string
	}{
		"by all, HTTP/1.1":              {false, false, []int{0, 0, 0, 0, 0}, "HTTP/1.1"},
		"by all, HTTP/2":                {true, false, []int{0, 0, 0, 0, 0}, "HTTP/2.0"},
		"by one advertiser":             {false, true, []int{0, 1, 0, 1, 0}, "HTTP/1.1"},
		"by one advertiser, not HTTP/2": {true, true, []int{0, 1, 0, 1, 0}, "HTTP/1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var got []int
			seen := map[string]int{}
			crm := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				mu.Lock()
				defer mu.Unlock()
				if _, ok := seen[r.RemoteAddr]; !ok {
					seen[r.RemoteAddr] = len(seen)
				}
				got = append(got, seen[r.RemoteAddr])
				if r.Proto != c.proto {
					t.Errorf("got %s, want %s", r.Proto, c.proto)
				}
			}))
			crm.EnableHTTP2 = c.h2
			crm.StartTLS()
			defer crm.Close()
			client := calling(t, crm, attempt.Options{PerAdvertiser: c.perAdvertiser})
			leads := []struct {
				advertiser string
				size       int
			}{{"a", 10}, {"b", 10}, {"a", 10}, {"b", 10}, {"a", 40 << 10}}
			for _, l := range leads {
				target, err := client.Target(&lead.Webhook{Advertiser: l.advertiser, URL: crm.URL})
				if err != nil {
					t.Fatal(err)
				}
				o := client.Do(&attempt.Request{
					Target: target, DeliveryID: "d", Number: 1, Time: time.Now(), Body: [][]byte{[]byte(strings.Repeat("x", l.size))},
				})
				if o.Verdict != attempt.Delivered {
					t.Errorf("got %+v, want it delivered", o)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("connections (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGuardOfEveryDial: whoever dials, a name that leads to a private address is
// refused, and nothing is sent there.
func TestGuardOfEveryDial(t *testing.T) {
	for name, c := range map[string]struct {
		perAdvertiser bool
		size          int // of the lead
	}{
		"small": {false, 10}, "large": {false, 40 << 10}, "small, by advertiser": {true, 10}, "large, by advertiser": {true, 40 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			crm := httptest.NewUnstartedServer(nil)
			crm.Config.ConnState = func(net.Conn, http.ConnState) { t.Error("the CRM was called") }
			crm.StartTLS()
			defer crm.Close()
			client := attempt.NewClient(attempt.Options{
				PerAdvertiser: c.perAdvertiser, Guard: attempt.GuardOptions{AllowPorts: []int{portOf(t, crm)}},
			})
			defer client.Close()
			u := "https://localhost:" + strconv.Itoa(portOf(t, crm))
			target, err := client.Target(&lead.Webhook{Advertiser: "a", URL: u})
			if err != nil {
				t.Fatal(err)
			}
			o := client.Do(&attempt.Request{
				Target: target, DeliveryID: "d", Number: 1, Time: time.Now(), Body: [][]byte{[]byte(strings.Repeat("x", c.size))},
			})
			if o.Verdict != attempt.NeedsHuman || o.Evidence != lead.NotSent || !strings.Contains(o.Text, "is loopback: refused") {
				t.Errorf("got %+v, want the address refused", o)
			}
		})
	}
}

func portOf(t *testing.T, crm *httptest.Server) int {
	t.Helper()
	u, err := url.Parse(crm.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// calling returns a client that may call the server.
func calling(t *testing.T, crm *httptest.Server, opts attempt.Options) *attempt.Client {
	t.Helper()
	opts.Guard = attempt.GuardOptions{AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowPorts: []int{portOf(t, crm)}}
	opts.RootCAs = x509.NewCertPool()
	opts.RootCAs.AddCert(crm.Certificate())
	client := attempt.NewClient(opts)
	t.Cleanup(client.Close)
	return client
}
