//go:build unix

package http1_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http/httptrace"
	"testing"
	"time"
)

// selfSigned returns a certificate for the name, from an hour ago until then, and what
// trusts it.
func selfSigned(t *testing.T, name string, until time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestCertificateOfAResumedSession has a session that could be resumed, and a
// certificate that is no longer good when that is tried. It is refused as if there
// were no session.
func TestCertificateOfAResumedSession(t *testing.T) {
	const name = "crm.example"
	for label, c := range map[string]struct {
		later time.Duration // when the second connection is opened
		host  string        // of the second one
		trust bool          // whether the authority is trusted then
		good  bool
	}{
		"good":                  {time.Minute, name, true, true},
		"expired meanwhile":     {2 * time.Hour, name, true, false},
		"of another name":       {time.Minute, "other.example", true, false},
		"no longer vouched for": {time.Minute, name, false, false},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(label+", "+tls.VersionName(version), func(t *testing.T) {
				certificate, trusted := selfSigned(t, name, time.Now().Add(time.Hour))
				config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, MaxVersion: version}
				s := listen(t, func(conn net.Conn) {
					secure := tls.Server(conn, config)
					if take(bufio.NewReader(secure)) == nil {
						_, _ = io.WriteString(secure, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
					}
				})
				_, port, _ := net.SplitHostPort(s.address)
				cache, resumed := tls.NewLRUClientSessionCache(4), false
				ask := func(host string, now time.Time, trusted *x509.CertPool) error {
					transport, _ := newTransport(t)
					transport.TLS = &tls.Config{
						MinVersion: tls.VersionTLS12, RootCAs: trusted, ClientSessionCache: sameSession{cache}, Time: func() time.Time { return now },
					}
					transport.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
						return (&net.Dialer{}).DialContext(ctx, network, s.address)
					}
					ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
						TLSHandshakeDone: func(s tls.ConnectionState, _ error) { resumed = s.DidResume },
					})
					_, err := transport.RoundTrip(newPost(t, "https://"+net.JoinHostPort(host, port), "lead").WithContext(ctx))
					return err
				}
				if err := ask(name, time.Now(), trusted); err != nil {
					t.Fatal(err)
				}
				if !c.trust {
					trusted = x509.NewCertPool()
				}
				err := ask(c.host, time.Now().Add(c.later), trusted)
				_, refused := errors.AsType[*tls.CertificateVerificationError](err)
				if resumed != c.good || refused == c.good {
					t.Errorf("got error %v, resumed %v; want a good connection: %v", err, resumed, c.good)
				}
			})
		}
	}
}

// sameSession gives the last session to everybody, which no cache should.
type sameSession struct{ tls.ClientSessionCache }

func (s sameSession) Get(string) (*tls.ClientSessionState, bool) { return s.ClientSessionCache.Get("") }

func (s sameSession) Put(_ string, session *tls.ClientSessionState) {
	s.ClientSessionCache.Put("", session)
}
