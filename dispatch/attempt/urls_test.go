package attempt_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/internal/urltest"
	"github.com/leadhook/leadhook/lead"
)

// TestHostileURLsAreNotCalled: whatever wrote the webhook, its URL is judged again before
// it is called, with a proxy too.
func TestHostileURLsAreNotCalled(t *testing.T) {
	proxy := &url.URL{Scheme: "http", Host: "proxy.example.com:3128"}
	for name, opts := range map[string]attempt.Options{"directly": {}, "through a proxy": {Proxy: proxy}} {
		t.Run(name, func(t *testing.T) {
			var called []string
			opts.Network = roundTrip(func(r *http.Request) (*http.Response, error) {
				called = append(called, r.URL.Host)
				return nil, http.ErrHandlerTimeout
			})
			client := attempt.NewClient(opts)
			defer client.Close()
			for _, kind := range []string{"host", "address", "good"} {
				for _, raw := range urltest.Of(kind) {
					called = nil
					target, err := client.Target(&lead.Webhook{ID: "a", Advertiser: "USA_1", URL: raw, Format: lead.JSON})
					if err == nil {
						o := client.Do(&attempt.Request{Target: target, DeliveryID: "d", Number: 1, Time: time.Now()})
						err = target.Blocked()
						if len(called) == 0 && err == nil {
							t.Errorf("%s %q: got %v without a call, want it called", kind, raw, o)
						}
					}
					if (err == nil) != (kind == "good") || (len(called) == 0) != (err != nil) {
						t.Errorf("%s %q: got %v and calls of %q", kind, raw, err, called)
					}
				}
			}
		})
	}
}

// TestHostileAddressesAreNotDialled: a name that was judged to be good leads to one.
func TestHostileAddressesAreNotDialled(t *testing.T) {
	for _, text := range urltest.Of("dialled") {
		addr := netip.MustParseAddr(text)
		resolve(t, addr)
		client := attempt.NewClient(attempt.Options{})
		target, err := client.Target(&lead.Webhook{ID: "a", Advertiser: "USA_1", URL: "https://crm.test./", Format: lead.JSON})
		if err != nil || target.Blocked() != nil {
			t.Fatal(err, target.Blocked())
		}
		o := client.Do(&attempt.Request{Target: target, DeliveryID: "d", Number: 1, Time: time.Now()})
		if o.Evidence != lead.NotSent || !strings.Contains(o.Text, addr.Unmap().String()) || !strings.Contains(o.Text, "refused") {
			t.Errorf("%s: got %+v, want the address refused", text, o)
		}
		client.Close()
	}
}

// resolve makes every name lead to the address until the test ends.
func resolve(t *testing.T, addr netip.Addr) {
	t.Helper()
	before := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = before })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go answerName(theirs, addr)
		return ours, nil
	}}
}

// answerName answers one question as a name server does over TCP: two bytes of length, and
// the message.
func answerName(conn net.Conn, addr netip.Addr) {
	defer conn.Close()
	question := make([]byte, 512)
	n, err := conn.Read(question)
	if err != nil {
		return
	}
	var m dnsmessage.Message
	if m.Unpack(question[2:n]) != nil {
		return
	}
	m.Response, m.Additionals = true, nil
	header := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 1}
	switch {
	case addr.Is4() && m.Questions[0].Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: addr.As4()}}}
	case addr.Is6() && m.Questions[0].Type == dnsmessage.TypeAAAA:
		m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}}}
	}
	answer, err := m.AppendPack(make([]byte, 2))
	if err != nil {
		return
	}
	size := len(answer) - 2
	answer[0], answer[1] = byte(size>>8), byte(size)
	_, _ = conn.Write(answer)
}
