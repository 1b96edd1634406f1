package dispatch_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/internal/realstack"
	"github.com/leadhook/leadhook/lead"
)

func checkURL(t *testing.T, opts dispatch.GuardOptions, raw string) error {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return dispatch.NewGuard(opts).CheckURL(u)
}

func TestGuardRefusesAddresses(t *testing.T) {
	for _, c := range []struct{ addr, class string }{
		{"127.0.0.1", "loopback"}, {"127.255.255.254", "loopback"}, {"::1", "loopback"},
		{"10.0.0.1", "private"}, {"172.16.0.1", "private"}, {"172.31.255.255", "private"}, {"192.168.1.1", "private"},
		{"169.254.1.1", "link-local"}, {"fe80::1", "link-local"}, {"fe80::1%25eth0", "link-local"},
		{"169.254.169.254", "link-local"}, {"fd00:ec2::254", "private"}, // metadata services
		{"100.64.0.1", "reserved"}, {"100.100.100.200", "reserved"}, // CGNAT, and a metadata service in it
		{"224.0.0.1", "multicast"}, {"239.255.255.255", "multicast"}, {"ff02::1", "multicast"},
		{"0.0.0.0", "unspecified"}, {"::", "unspecified"}, {"0.1.2.3", "reserved"},
		{"240.0.0.1", "reserved"}, {"255.255.255.255", "reserved"}, {"192.0.0.8", "reserved"},
		{"192.0.2.1", "reserved"}, {"198.51.100.1", "reserved"}, {"203.0.113.1", "reserved"}, // documentation
		{"2001:db8::1", "reserved"}, {"3fff::1", "reserved"},
		{"198.18.0.1", "reserved"}, {"198.19.255.255", "reserved"}, {"2001:2::1", "reserved"}, // benchmarking
		{"fc00::1", "private"}, {"fdff:ffff::1", "private"}, // ULA
		{"::ffff:127.0.0.1", "loopback"}, {"::ffff:10.0.0.1", "private"}, {"::ffff:a9fe:a9fe", "link-local"},
		{"64:ff9b::10.0.0.1", "reserved"}, {"64:ff9b::8.8.8.8", "reserved"}, {"64:ff9b:1::1", "reserved"}, // NAT64
		{"2002:7f00:1::", "reserved"}, {"2002:808:808::1", "reserved"}, // 6to4
		{"2001:0:5ef5:79fd::1", "reserved"}, // Teredo
		{"::10.0.0.1", "reserved"}, {"100::1", "reserved"}, {"fec0::1", "reserved"}, {"4000::1", "reserved"},
	} {
		host := c.addr
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		err := checkURL(t, dispatch.GuardOptions{}, "https://"+host+"/hook")
		if err == nil || !strings.Contains(err.Error(), c.class) || !strings.Contains(err.Error(), "http.allow_cidrs") {
			t.Errorf("%s: got %v, want it refused as %s, and what to do", c.addr, err, c.class)
		}
	}
}

func TestGuardAllowsPublicAddresses(t *testing.T) {
	for _, host := range []string{
		"8.8.8.8", "100.63.255.255", "172.32.0.1", "192.169.0.1", "223.255.255.254",
		"[2606:4700::1111]", "[::ffff:8.8.8.8]", "crm.example.com",
	} {
		if err := checkURL(t, dispatch.GuardOptions{}, "https://"+host+"/hook"); err != nil {
			t.Errorf("%s: got %v, want it allowed", host, err)
		}
	}
}

func TestGuardAllowsWhatTheOperatorNames(t *testing.T) {
	prefixes := func(all ...string) (opts dispatch.GuardOptions) {
		for _, p := range all {
			opts.AllowCIDRs = append(opts.AllowCIDRs, netip.MustParsePrefix(p))
		}
		return opts
	}
	for _, c := range []struct {
		opts    dispatch.GuardOptions
		host    string
		allowed bool
	}{
		{prefixes("10.1.0.0/16"), "10.1.2.3", true},
		{prefixes("10.1.0.0/16"), "10.2.2.3", false},
		{prefixes("10.1.0.0/16"), "[::ffff:10.1.2.3]", true},
		{prefixes("10.1.2.3/16"), "10.1.9.9", true},
		{prefixes("::ffff:10.1.0.0/112"), "10.1.2.3", true},
		{prefixes("::ffff:10.1.0.0/112"), "10.2.2.3", false},
		{prefixes("127.0.0.0/8"), "127.0.0.1", true},
		{prefixes("127.0.0.0/8"), "[::1]", false},
		{prefixes("fd00::/8", "::1/128"), "[::1]", true},
		{prefixes("fe80::/10"), "[fe80::1%25eth0]", true},
		{prefixes("0.0.0.0/0"), "169.254.169.254", true},
		{prefixes("0.0.0.0/0"), "[64:ff9b::10.0.0.1]", false},
	} {
		if err := checkURL(t, c.opts, "https://"+c.host); (err == nil) != c.allowed {
			t.Errorf("%s with %v: got %v, want allowed %v", c.host, c.opts.AllowCIDRs, err, c.allowed)
		}
	}
}

func TestGuardChecksURLs(t *testing.T) {
	for _, c := range []struct {
		url  string
		opts dispatch.GuardOptions
		want string // empty: allowed
	}{
		{"https://crm.example.com/", dispatch.GuardOptions{}, ""},
		{"HTTPS://crm.example.com:443/", dispatch.GuardOptions{}, ""},
		{"https://crm.example.com:/", dispatch.GuardOptions{}, ""},
		{"https://crm.example.com:80/", dispatch.GuardOptions{}, ""},
		{"https://crm.example.com:8443/", dispatch.GuardOptions{}, "port 8443 is refused"},
		{"https://crm.example.com:8443/", dispatch.GuardOptions{AllowPorts: []int{8443}}, ""},
		{"https://crm.example.com/", dispatch.GuardOptions{AllowPorts: []int{8443}}, ""},
		{"https://crm.example.com:0/", dispatch.GuardOptions{}, "port 0 is refused"},
		{"https://crm.example.com:99999999999999999999/", dispatch.GuardOptions{}, "refused"},
		{"http://crm.example.com/", dispatch.GuardOptions{}, "plain http is refused"},
		{"http://crm.example.com/", dispatch.GuardOptions{AllowHTTP: true}, ""},
		{"ftp://crm.example.com/", dispatch.GuardOptions{AllowHTTP: true}, "https://"},
		{"crm.example.com/hook", dispatch.GuardOptions{}, "https://"},
		{"https:///hook", dispatch.GuardOptions{}, "no host"},
		{"https://:443/hook", dispatch.GuardOptions{}, "no host"},
		{"https://user:s3cret@crm.example.com/", dispatch.GuardOptions{}, "user info"},
		{"https://crm.example.com/#s3cret", dispatch.GuardOptions{}, "fragment"},
	} {
		err := checkURL(t, c.opts, c.url)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.url, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v, want nothing secret quoted", c.url, err)
		}
	}
}

// TestGuardChecksWhatIsDialled: a name is not what counts, its address is.
func TestGuardChecksWhatIsDialled(t *testing.T) {
	crm := newCRM(t, answer(http.StatusOK))
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(crm.URL, "http://"))
	opts := options(crm.URL)
	opts.Guard.AllowCIDRs = nil
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
		opts.Proxy, _ = url.Parse(proxy.URL) // on a port and an address that no webhook may have
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
		opts.Proxy, _ = url.Parse(c.proxy)
		r := newRig(t, opts, hooks{webhook("w", "https://crm.example.com/")})
		r.handle(t, message(call))
		if letter := r.onlyLetter(t); !strings.Contains(letter.Error, c.text) || letter.Evidence != lead.NotSent {
			t.Errorf("%s: got %q, %s; want %q, not_sent", c.proxy, letter.Error, letter.Evidence, c.text)
		}
	}
}
