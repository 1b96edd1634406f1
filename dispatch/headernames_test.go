package dispatch_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/lead"
)

// TestHeaderNamesAreSentAsTheyAreSpelled reads them off the socket, on each of the ways that
// a request over HTTP/1.1 may take.
func TestHeaderNamesAreSentAsTheyAreSpelled(t *testing.T) {
	pair, authority := certificate(t, "crm.example.com", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	long := `{"id":1,"event_type":"chat","chat":{"summary":"` + strings.Repeat("x", 100<<10) + `"}}`
	for _, c := range []struct {
		name, scheme, lead string
		proxy              bool
	}{
		{"directly", "http", call, false},
		{"a large request", "http", long, false},
		{"a proxy", "http", call, true},
		{"a tunnel", "https", call, true},
		{"a large request through a tunnel", "https", long, true},
	} {
		requests := make(chan []byte, 1)
		address := socket(t, func(_ context.Context, conn net.Conn) {
			if c.scheme == "https" {
				if readPost(bufio.NewReader(conn)) != nil {
					return
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
				conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{pair}})
			}
			var raw bytes.Buffer
			if readPost(bufio.NewReader(io.TeeReader(conn, &raw))) == nil {
				requests <- raw.Bytes()
				_, _ = io.WriteString(conn, ok)
			}
		})
		hook := webhook("w", c.scheme+"://"+address+"/lead")
		opts := options(address)
		if opts.Attempt.UserAgent = "leadhook/1"; c.proxy {
			hook.URL = c.scheme + "://crm.example.com/lead"
			opts.Attempt.Proxy = &url.URL{Scheme: "http", Host: address}
			opts.Attempt.RootCAs = pool(authority)
		}
		hook.Authorization, hook.AuthHeader = "key", "x-api-KEY"
		hook.Headers = map[string]lead.Secret{"tenantID": "1", "SOAPAction": "2", "accept": "text/xml", "content-length": "7"}
		hook.SigningSecrets = []lead.Secret{"whsec_b2xkIHNlY3JldCBvZiBhIENSTQ=="}
		namesOf := func(m *lead.Message) []string {
			r := newRig(t, opts, hooks{hook})
			defer r.Close()
			r.handle(t, m)
			r.wantDelivered(t)
			return headerNames(<-requests)
		}
		m := message(c.lead)
		m.Value = bytes.Replace(m.Value, []byte(`{"adv`), []byte(`{"test":true,"adv`), 1)
		m.Headers = []lead.Header{{Key: "traceparent", Value: []byte("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")}}
		want := []string{
			"Content-Length", "Content-Type", "Host", "SOAPAction", "User-Agent", "accept", "tenantID", "traceparent", "webhook-attempt",
			"webhook-id", "webhook-signature", "webhook-test", "webhook-timestamp", "webhook-trigger", "x-api-KEY",
		}
		if diff := cmp.Diff(want, namesOf(m)); diff != "" {
			t.Errorf("%s: the names differ (-want +got):\n%s", c.name, diff)
		}
		hook = webhook("w", hook.URL)
		hook.Authorization = "key"
		want = []string{
			"Accept", "Authorization", "Content-Length", "Content-Type", "Host", "User-Agent", "webhook-attempt", "webhook-id",
			"webhook-timestamp", "webhook-trigger",
		}
		if diff := cmp.Diff(want, namesOf(message(c.lead))); diff != "" {
			t.Errorf("%s, without headers of its own: the names differ (-want +got):\n%s", c.name, diff)
		}
	}
}

// headerNames returns the names in the header of a request, sorted.
func headerNames(request []byte) []string {
	header, _, _ := strings.Cut(string(request), "\r\n\r\n")
	var names []string
	for line := range strings.SplitSeq(header, "\r\n") {
		if name, _, isField := strings.Cut(line, ": "); isField {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestAccept(t *testing.T) {
	for _, c := range []struct {
		given map[string]lead.Secret
		want  []string
	}{
		{nil, []string{"*/*"}},
		{map[string]lead.Secret{"aCCEPT": "text/xml"}, []string{"text/xml"}},
	} {
		crm := newCRM(t, answer(http.StatusOK))
		hook := webhook("w", crm.URL)
		hook.Headers = c.given
		r := newRig(t, options(crm.URL), hooks{hook})
		r.handle(t, message(call))
		if got := crm.seen()[0]["Accept"]; !cmp.Equal(got, c.want) {
			t.Errorf("%v: got Accept %q, want %q", c.given, got, c.want)
		}
	}
}

// asSent returns the value of the header field of that name, as it is spelled on the wire.
func asSent(r *http.Request, name string) string { return strings.Join(r.Header[name], ", ") }
