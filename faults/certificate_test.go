//go:build faults

package faults

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An authority is one that the service is told to trust.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	file string // PEM, for http.ca_file
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t), file: filepath.Join(t.TempDir(), "ca.pem")}
	ca := certificate(time.Hour)
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	der := a.sign(ca, ca, a.key, a.key)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// The certificates that a CRM may show.

func (a *authority) sound() tls.Certificate   { return a.issue(certificate(time.Hour)) }
func (a *authority) expired() tls.Certificate { return a.issue(certificate(-time.Minute)) }

func (a *authority) wrongName() tls.Certificate {
	c := certificate(time.Hour)
	c.IPAddresses, c.DNSNames = nil, []string{"crm.example.com"}
	return a.issue(c)
}

func (a *authority) selfSigned() tls.Certificate {
	key, c := newKey(a.t), certificate(time.Hour)
	return tls.Certificate{Certificate: [][]byte{a.sign(c, c, key, key)}, PrivateKey: key}
}

func (a *authority) issue(c *x509.Certificate) tls.Certificate {
	key := newKey(a.t)
	return tls.Certificate{Certificate: [][]byte{a.sign(c, a.cert, key, a.key)}, PrivateKey: key}
}

func (a *authority) sign(c, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) []byte {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), parentKey)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// certificate is for 127.0.0.1, and good for so long from now on.
func certificate(good time.Duration) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "leadhook fault suite"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:    time.Now().Add(-24 * time.Hour),
		NotAfter:     time.Now().Add(good),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}
