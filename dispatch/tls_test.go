package dispatch_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// certificate makes a self-signed certificate.
func certificate(t *testing.T, name string, from, until time.Time) (tls.Certificate, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: from, NotAfter: until, IsCA: true, BasicConstraintsValid: true,
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, parsed
}

func TestCertificates(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name        string
		certFor     string
		from, until time.Time
		trusted     bool
		text        string // empty: delivered
	}{
		{"good", "127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour), true, ""},
		{"expired", "127.0.0.1", now.Add(-time.Hour), time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC), true,
			"certificate expired on 2020-02-03"},
		{"not yet valid", "127.0.0.1", time.Date(2099, 2, 3, 4, 5, 6, 0, time.UTC), now.AddDate(200, 0, 0), true,
			"certificate is not valid before 2099-02-03"},
		{"wrong name", "crm.example.com", now.Add(-time.Hour), now.Add(time.Hour), true,
			"certificate is not for 127.0.0.1"},
		{"self-signed", "127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour), false, "is self-signed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pair, parsed := certificate(t, c.certFor, c.from, c.until)
			crm := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			crm.Config.ErrorLog = quiet
			crm.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
			crm.StartTLS()
			t.Cleanup(crm.Close)
			opts := options(crm.URL)
			opts.Attempt.RootCAs = pool()
			if c.trusted {
				opts.Attempt.RootCAs = pool(parsed)
			}
			r := newRig(t, opts, hooks{webhook("w", crm.URL)})
			r.handle(t, message(call))
			if c.text == "" {
				r.wantDelivered(t)
				return
			}
			letter := r.onlyLetter(t)
			if !strings.Contains(letter.Error, c.text) || letter.Evidence != lead.NotSent || letter.Attempts != 1 {
				t.Errorf("got %q, %s after %d attempts; want %q, not_sent after 1",
					letter.Error, letter.Evidence, letter.Attempts, c.text)
			}
		})
	}
}

// TestBrokenTLS: a handshake that breaks off is no refused certificate, and
// may succeed a moment later; parameters that are not shared never do.
func TestBrokenTLS(t *testing.T) {
	pair, parsed := certificate(t, "127.0.0.1", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	for _, c := range []struct {
		name, text string
		attempts   int
		serve      func(ctx context.Context, conn net.Conn)
	}{
		{"plain HTTP", "does not speak TLS", 2, func(_ context.Context, conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _ = io.Copy(io.Discard, conn)
		}},
		{"closed at once", "ended the connection at the hello of TLS", 2, func(context.Context, net.Conn) {}},
		{"silent", "TLS handshake not finished within 200ms", 2, func(ctx context.Context, _ net.Conn) { <-ctx.Done() }},
		{"old TLS only", "does not speak TLS 1.2", 1, func(ctx context.Context, conn net.Conn) {
			old := &tls.Config{Certificates: []tls.Certificate{pair}, MaxVersion: tls.VersionTLS11}
			_ = tls.Server(conn, old).HandshakeContext(ctx)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := socket(t, c.serve)
			opts := options(address)
			opts.Attempt.RootCAs, opts.Attempt.ConnectTimeout, opts.QuickAttempts = pool(parsed), 200*time.Millisecond, 2
			r := newRig(t, opts, hooks{webhook("w", "https://"+address)})
			r.handle(t, message(call))
			letter := r.onlyLetter(t)
			if !strings.Contains(letter.Error, c.text) || letter.Evidence != lead.NotSent || letter.Attempts != c.attempts {
				t.Errorf("got %q, %s after %d attempts; want %q, not_sent after %d",
					letter.Error, letter.Evidence, letter.Attempts, c.text, c.attempts)
			}
		})
	}
}

// A slowReader reads late enough for the other side to have written on.
type slowReader struct{ net.Conn }

func (r slowReader) Read(b []byte) (int, error) {
	time.Sleep(20 * time.Millisecond)
	return r.Conn.Read(b)
}

// TestClientCertificateWanted: with TLS 1.3 the CRM says so after the request
// was sent, with TLS 1.2 before.
func TestClientCertificateWanted(t *testing.T) {
	pair, parsed := certificate(t, "127.0.0.1", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, protocol := range []string{"http/1.1", "h2"} {
			config := &tls.Config{
				Certificates: []tls.Certificate{pair}, NextProtos: []string{protocol},
				MaxVersion: version, ClientAuth: tls.RequireAnyClientCert,
			}
			address := socket(t, func(ctx context.Context, conn net.Conn) {
				_ = tls.Server(slowReader{conn}, config).HandshakeContext(ctx)
				_, _ = io.Copy(io.Discard, conn) // a reset would overtake what it said
			})
			opts := options(address)
			opts.Attempt.RootCAs = pool(parsed)
			r := newRig(t, opts, hooks{webhook("w", "https://"+address)})
			r.handle(t, message(call))
			if letter := r.onlyLetter(t); !strings.Contains(letter.Error, "wants a client certificate (tls: ") || letter.Evidence != lead.NotSent {
				t.Errorf("%s, %s: got %q, %s; want what the CRM said in TLS, not sent", tls.VersionName(version), protocol, letter.Error, letter.Evidence)
			}
		}
	}
}
