package dispatch_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/leadhook/leadhook/lead"
)

var update = flag.Bool("update", false, "write the golden files anew")

// record answers one request on a connection and passes on its bytes.
func record(t *testing.T) (address string, requests <-chan []byte) {
	out := make(chan []byte, 8)
	return socket(t, func(_ context.Context, conn net.Conn) {
		var raw bytes.Buffer
		if readPost(bufio.NewReader(io.TeeReader(conn, &raw))) == nil {
			out <- raw.Bytes()
			_, _ = io.WriteString(conn, ok)
		}
	}), out
}

// TestWire compares a whole request with the golden file, byte for byte but
// for the port and the time.
func TestWire(t *testing.T) {
	address, requests := record(t)
	hook := webhook("84+TEST_1", "http://"+address+"/Leads/In/?Token=a%2Fb&x=1")
	hook.Authorization = "token jokin"
	hook.Headers = map[string]lead.Secret{"X-Source": "leads  and more", "Webhook-Id": "not this"}
	opts := options(address)
	opts.Attempt.UserAgent = "leadhook/1.2.3"
	r := newRig(t, opts, hooks{hook})
	m := message(`{"id":18446744073709551615,"event_type":"chat","chat":{"summary":"caf\u00e9 <b> & ✓"},"new":[1.0,1e3]}`)
	m.Value = bytes.Replace(m.Value, []byte(`{"adv`), []byte(`{"test":true,"adv`), 1)
	m.Headers = []lead.Header{
		{Key: "traceparent", Value: []byte("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")},
		{Key: "leadhook.attempts", Value: []byte("7")},
	}
	r.handle(t, m)
	r.wantDelivered(t)

	got := bytes.ReplaceAll(<-requests, []byte(address), []byte("ADDRESS"))
	got = regexp.MustCompile(`(webhook-timestamp: )\d{10}\r`).ReplaceAll(got, []byte("${1}UNIX\r"))
	golden := filepath.Join("testdata", "request.golden")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the request differs (-want +got):\n%s", diff)
	}
}

func TestURLIsSentByteForByte(t *testing.T) {
	address, requests := record(t)
	for _, c := range []struct{ given, want string }{
		{"", "/"},
		{"/", "/"},
		{"?a=1", "/?a=1"},
		{"/Case/IS/kept", "/Case/IS/kept"},
		{"/slash/", "/slash/"},
		{"//two//slashes", "//two//slashes"},
		{"/a/../b/./c", "/a/../b/./c"},
		{"/q?", "/q?"},
		{"/q??x", "/q??x"},
		{"/q?b=2&a=1&b=1&&", "/q?b=2&a=1&b=1&&"},
		{"/q?next=https://example.com/?x=/y", "/q?next=https://example.com/?x=/y"},
		{"/odd?{a}=|b|^`\"<>", "/odd?{a}=|b|^`\"<>"},
		{"/%2f%2F%7e~%41", "/%2f%2F%7e~%41"},
		{"/a+b%20c;d=e,f!$&'()*:@", "/a+b%20c;d=e,f!$&'()*:@"},
		{"/{id}|x^`\"<>\\", "/{id}|x^`\"<>\\"},
		{"/größe", "/größe"},
		{"//{id}", "http://" + address + "//{id}"}, // absolute form: the only other way to write it
	} {
		r := newRig(t, options(address), hooks{webhook("w", "http://"+address+c.given)})
		r.handle(t, message(call))
		r.wantDelivered(t)
		line, _, _ := strings.Cut(string(<-requests), "\r\n")
		if want := "POST " + c.want + " HTTP/1.1"; line != want {
			t.Errorf("%s: got %q, want %q", c.given, line, want)
		}
		r.Close()
	}
}

func TestAuthorization(t *testing.T) {
	for _, c := range []struct{ name, value string }{
		{"Authorization", "token jokin"},
		{"Authorization", "Bearer abc.def=="},
		{"Authorization", "user:pass word"},
		{"X-API-Key", "größe 100%"},
	} {
		crm := newCRM(t, answer(http.StatusOK))
		hook := webhook("w", crm.URL)
		hook.Authorization = lead.Secret(c.value)
		if c.name != "Authorization" {
			hook.AuthHeader = c.name
		}
		r := newRig(t, options(crm.URL), hooks{hook})
		r.handle(t, message(call))
		r.wantDelivered(t)
		if got := crm.seen()[0].Values(c.name); !cmp.Equal(got, []string{c.value}) {
			t.Errorf("got %s %q, want %q", c.name, got, c.value)
		}
		if got := crm.seen()[0].Get("Authorization"); c.name != "Authorization" && got != "" {
			t.Errorf("got Authorization %q beside %s, want none", got, c.name)
		}
	}
}

// TestSignature verifies what is sent with the reference library, as the CRM
// does during a rotation: with either secret.
func TestSignature(t *testing.T) {
	const oldSecret, newSecret = "whsec_b2xkIHNlY3JldCBvZiBhIENSTQ==", "whsec_bmV3IHNlY3JldCBvZiBhIENSTQ=="
	verified := make(chan error, 8)
	crm := newCRM(t, func(n int, w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, secret := range []string{oldSecret, newSecret} {
			reference, err := standardwebhooks.NewWebhook(secret)
			if err == nil {
				err = reference.Verify(body, r.Header)
			}
			verified <- err
		}
		if n == 1 {
			w.WriteHeader(http.StatusInternalServerError) // the second attempt is signed for its own time
		}
	})
	hook := webhook("w", crm.URL)
	hook.SigningSecrets = []lead.Secret{newSecret, oldSecret}
	r := newRig(t, options(crm.URL), hooks{hook})
	r.handle(t, message(call))
	r.wantDelivered(t)
	for range 4 {
		if err := <-verified; err != nil {
			t.Errorf("got %v, want the reference library to verify the signature", err)
		}
	}
	if got := strings.Fields(crm.seen()[0].Get("Webhook-Signature")); len(got) != 2 {
		t.Errorf("got %d signatures, want one for each secret", len(got))
	}
}

func TestTraceparent(t *testing.T) {
	const good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, c := range []struct{ given, want string }{
		{good, good},
		{"cc" + good[2:], "cc" + good[2:]},
		{"", ""},
		{good + "-more", ""},
		{"ff" + good[2:], ""},
		{strings.ToUpper(good), ""},
		{"00-00000000000000000000000000000000-00f067aa0ba902b7-01", ""},
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", ""},
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\n", ""},
		{"00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01", ""},
	} {
		crm := newCRM(t, answer(http.StatusOK))
		r := newRig(t, options(crm.URL), hooks{webhook("w", crm.URL)})
		m := message(call)
		m.Headers = []lead.Header{{Key: "traceparent", Value: []byte(c.given)}}
		r.handle(t, m)
		r.wantDelivered(t)
		if got := crm.seen()[0].Get("Traceparent"); got != c.want {
			t.Errorf("%q: got %q, want %q", c.given, got, c.want)
		}
	}
}
