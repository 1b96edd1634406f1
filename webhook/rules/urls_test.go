package rules_test

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/internal/urltest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/rules"
)

func hook(raw string) *lead.Webhook {
	return &lead.Webhook{
		ID: "a", Advertiser: "USA_1", URL: raw, Trigger: lead.NewContact, LeadTypes: lead.AllLeadTypes, Format: lead.JSON,
	}
}

func TestURLsThatMustNotBe(t *testing.T) {
	count := make(map[bool]int) // good ones, and others
	for _, kind := range urltest.Kinds {
		count[kind == "good"] += len(urltest.Of(kind))
		if kind == "dialled" {
			continue
		}
		for _, raw := range urltest.Of(kind) {
			wrong := rules.Check(hook(raw))
			if refused := kind == "host" || kind == "form"; (len(wrong) > 0) != refused {
				t.Errorf("%s %q: got %v, want refused: %v", kind, raw, wrong, refused)
			}
			for _, w := range wrong {
				if w.Field != "url" {
					t.Errorf("%q: got %v, want faults of the url alone", raw, w)
				}
			}
		}
	}
	if count[false] < 200 || count[true] < 30 {
		t.Errorf("%d hostile and %d good ones, want at least 200 and 30", count[false], count[true])
	}
}

// FuzzURL looks for a URL that is accepted, although something on its way could read it
// in another way than it was judged.
func FuzzURL(f *testing.F) {
	for _, kind := range urltest.Kinds {
		for _, raw := range urltest.Of(kind) {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if len(rules.Check(hook(raw))) > 0 {
			return
		}
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatalf("%q was accepted: %v", raw, err)
		}
		if again, err := url.Parse(u.String()); err != nil || again.Host != u.Host {
			t.Errorf("%q: written again it is %q with the host %v", raw, u, again)
		}
		authority, _, _ := strings.Cut(raw[strings.Index(raw, "://")+len("://"):], "?")
		authority, _, _ = strings.Cut(authority, "/")
		if authority != u.Host || strings.ContainsAny(authority, "@%\\#") {
			t.Errorf("%q: the host is %q, want it as it is written", raw, u.Host)
		}
		// Whether it is an address is decided as the guard, the dialer and browsers do.
		addr, err := netip.ParseAddr(u.Hostname())
		v4, isV4 := whatwgIPv4(u.Hostname())
		if strings.HasPrefix(u.Host, "[") {
			if err != nil || !addr.Is6() || addr.Zone() != "" {
				t.Errorf("%q: got %v, %v, want an IPv6 address without a zone", raw, addr, err)
			}
		} else if isV4 != (err == nil) || isV4 && addr != netip.AddrFrom4(v4) {
			t.Errorf("%q: a browser calls %v (%v), the guard judges %v", raw, v4, isV4, addr)
		}
	})
}

// whatwgIPv4 is the IPv4 parser of https://url.spec.whatwg.org/#concept-ipv4-parser,
// written down step by step, and lenient where that fails: ok says only that the host ends
// in a number. A host that does and fails is the zero address.
func whatwgIPv4(host string) (addr [4]byte, ok bool) {
	parts := strings.Split(host, ".")
	if parts[len(parts)-1] == "" {
		if len(parts) == 1 {
			return addr, false
		}
		parts = parts[:len(parts)-1]
	}
	last := parts[len(parts)-1]
	if _, number := whatwgNumber(last); !number && (last == "" || strings.Trim(last, "0123456789") != "") {
		return addr, false
	}
	var ip uint64
	for i, part := range parts {
		n, number := whatwgNumber(part)
		if !number || len(parts) > 4 || i < len(parts)-1 && n > 255 || n >= 1<<(8*(5-len(parts))) && i == len(parts)-1 {
			return [4]byte{}, true
		}
		if i < len(parts)-1 {
			n <<= 8 * (3 - i)
		}
		ip += n
	}
	return [4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)}, true
}

func whatwgNumber(s string) (uint64, bool) {
	base, digits := 10, s
	switch lower := strings.ToLower(s); {
	case s == "":
		return 0, false
	case strings.HasPrefix(lower, "0x"):
		base, digits = 16, s[2:]
	case len(s) > 1 && s[0] == '0':
		base, digits = 8, s[1:]
	}
	if digits == "" {
		return 0, true
	}
	if strings.ContainsAny(digits, "_+-") {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, base, 40)
	return n, err == nil
}
