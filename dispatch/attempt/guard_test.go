package attempt_test

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/dispatch/attempt"
)

func checkURL(t *testing.T, opts attempt.GuardOptions, raw string) error {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return attempt.NewGuard(opts).CheckURL(u)
}

func TestGuardRefusesAddresses(t *testing.T) {
	for _, c := range []struct{ addr, class string }{
		{"127.0.0.1", "loopback"}, {"127.255.255.254", "loopback"}, {"::1", "loopback"},
		{"10.0.0.1", "private"}, {"172.16.0.1", "private"}, {"172.31.255.255", "private"}, {"192.168.1.1", "private"},
		{"169.254.1.1", "link-local"}, {"fe80::1", "link-local"},
		{"169.254.169.254", "metadata"}, {"fd00:ec2::254", "metadata"}, {"168.63.129.16", "metadata"}, {"100.100.100.200", "metadata"},
		{"100.64.0.1", "reserved"}, {"100.127.255.255", "reserved"}, // CGNAT
		{"224.0.0.1", "multicast"}, {"239.255.255.255", "multicast"}, {"ff02::1", "multicast"},
		{"0.0.0.0", "unspecified"}, {"::", "unspecified"}, {"0.1.2.3", "reserved"},
		{"240.0.0.1", "reserved"}, {"255.255.255.255", "reserved"}, {"192.0.0.8", "reserved"},
		{"192.0.2.1", "reserved"}, {"198.51.100.1", "reserved"}, {"203.0.113.1", "reserved"}, // documentation
		{"2001:db8::1", "reserved"}, {"3fff::1", "reserved"},
		{"198.18.0.1", "reserved"}, {"198.19.255.255", "reserved"}, {"2001:2::1", "reserved"}, // benchmarking
		{"fc00::1", "private"}, {"fdff:ffff::1", "private"}, // ULA
		{"::ffff:127.0.0.1", "loopback"}, {"::ffff:10.0.0.1", "private"}, {"::ffff:a9fe:a9fe", "metadata"}, {"::ffff:168.63.129.16", "metadata"},
		{"64:ff9b::10.0.0.1", "reserved"}, {"64:ff9b::8.8.8.8", "reserved"}, {"64:ff9b:1::1", "reserved"}, // NAT64
		{"2002:7f00:1::", "reserved"}, {"2002:808:808::1", "reserved"}, // 6to4
		{"2001:0:5ef5:79fd::1", "reserved"}, // Teredo
		{"::10.0.0.1", "reserved"}, {"100::1", "reserved"}, {"fec0::1", "reserved"}, {"4000::1", "reserved"},
	} {
		host := c.addr
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		err := checkURL(t, attempt.GuardOptions{}, "https://"+host+"/hook")
		if err == nil || !strings.Contains(err.Error(), c.class) || !strings.Contains(err.Error(), "http.allow_cidrs") {
			t.Errorf("%s: got %v, want it refused as %s, and what to do", c.addr, err, c.class)
		}
	}
}

func TestGuardAllowsPublicAddresses(t *testing.T) {
	for _, host := range []string{
		"8.8.8.8", "168.63.129.15", "100.63.255.255", "172.32.0.1", "192.169.0.1", "223.255.255.254",
		"[2606:4700::1111]", "[::ffff:8.8.8.8]", "crm.example.com",
	} {
		if err := checkURL(t, attempt.GuardOptions{}, "https://"+host+"/hook"); err != nil {
			t.Errorf("%s: got %v, want it allowed", host, err)
		}
	}
}

func TestGuardAllowsWhatTheOperatorNames(t *testing.T) {
	prefixes := func(all ...string) (opts attempt.GuardOptions) {
		for _, p := range all {
			opts.AllowCIDRs = append(opts.AllowCIDRs, netip.MustParsePrefix(p))
		}
		return opts
	}
	for _, c := range []struct {
		opts    attempt.GuardOptions
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
		{prefixes("fe80::/10"), "[fe80::1]", true},
		{prefixes("168.63.129.16/32"), "168.63.129.16", true},
		{prefixes("0.0.0.0/0"), "169.254.169.254", true},
		{prefixes("0.0.0.0/0"), "[64:ff9b::10.0.0.1]", false},
	} {
		if err := checkURL(t, c.opts, "https://"+c.host); (err == nil) != c.allowed {
			t.Errorf("%s with %v: got %v, want allowed %v", c.host, c.opts.AllowCIDRs, err, c.allowed)
		}
	}
}

func TestGuardDeniesWhatTheOperatorNames(t *testing.T) {
	denying := func(deny, allow string) (opts attempt.GuardOptions) {
		opts.DenyCIDRs = []netip.Prefix{netip.MustParsePrefix(deny)}
		opts.AllowCIDRs = []netip.Prefix{netip.MustParsePrefix(allow)}
		return opts
	}
	for _, c := range []struct {
		opts   attempt.GuardOptions
		host   string
		denied bool
	}{
		{denying("8.8.8.0/24", "10.0.0.0/8"), "8.8.8.8", true},
		{denying("8.8.8.0/24", "10.0.0.0/8"), "8.8.9.8", false},
		{denying("8.8.8.0/24", "8.8.8.8/32"), "8.8.8.8", true}, // deny wins, even over a smaller network
		{denying("8.8.8.0/24", "10.0.0.0/8"), "[::ffff:8.8.8.8]", true},
		{denying("::ffff:8.8.8.0/120", "10.0.0.0/8"), "8.8.8.8", true},
		{denying("8.8.8.0/24", "64:ff9b::/96"), "[64:ff9b::8.8.8.8]", true},
		{denying("8.8.8.0/24", "64:ff9b::/96"), "[64:ff9b::8.8.9.8]", false},
		{denying("8.8.8.0/24", "2002::/16"), "[2002:808:808::1]", true},
		{denying("8.8.8.0/24", "::/0"), "[::8.8.8.8]", true},
		{denying("2606:4700::/32", "10.0.0.0/8"), "[2606:4700::1111]", true},
		{denying("0.0.0.0/0", "10.0.0.0/8"), "[2606:4700::1111]", false},
		{denying("10.1.0.0/16", "10.0.0.0/8"), "10.1.2.3", true},
		{denying("10.1.0.0/16", "10.0.0.0/8"), "10.2.2.3", false},
	} {
		err := checkURL(t, c.opts, "https://"+c.host)
		if (err != nil) != c.denied || err != nil && !strings.Contains(err.Error(), "http.deny_cidrs") {
			t.Errorf("%s without %v: got %v, want denied %v", c.host, c.opts.DenyCIDRs, err, c.denied)
		}
	}
}

func TestGuardChecksURLs(t *testing.T) {
	for _, c := range []struct {
		url  string
		opts attempt.GuardOptions
		want string // empty: allowed
	}{
		{"https://crm.example.com/", attempt.GuardOptions{}, ""},
		{"HTTPS://crm.example.com:443/", attempt.GuardOptions{}, ""},
		{"https://crm.example.com:/", attempt.GuardOptions{}, ""},
		{"https://crm.example.com:80/", attempt.GuardOptions{}, ""},
		{"https://crm.example.com:8443/", attempt.GuardOptions{}, "port 8443 is refused"},
		{"https://crm.example.com:8443/", attempt.GuardOptions{AllowPorts: []int{8443}}, ""},
		{"https://crm.example.com/", attempt.GuardOptions{AllowPorts: []int{8443}}, ""},
		{"https://crm.example.com:0/", attempt.GuardOptions{}, "port 0 is refused"},
		{"https://crm.example.com:99999999999999999999/", attempt.GuardOptions{}, "refused"},
		{"http://crm.example.com/", attempt.GuardOptions{}, "plain http is refused"},
		{"http://crm.example.com/", attempt.GuardOptions{AllowHTTP: true}, ""},
		{"ftp://crm.example.com/", attempt.GuardOptions{AllowHTTP: true}, "https://"},
		{"crm.example.com/hook", attempt.GuardOptions{}, "https://"},
		{"https:///hook", attempt.GuardOptions{}, "no host"},
		{"https://:443/hook", attempt.GuardOptions{}, "no host"},
		{"https://user:s3cret@crm.example.com/", attempt.GuardOptions{}, "user info"},
		{"https://crm.example.com/#s3cret", attempt.GuardOptions{}, "fragment"},
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
