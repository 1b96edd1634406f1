package realstack

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The files that writeCerts writes into a server's directory.
const (
	caFile   = "ca.pem"   // the authority's certificate
	certFile = "cert.pem" // the server's certificate
	keyFile  = "key.pem"  // the server's key
	bothFile = "both.pem" // key and certificate, for Kafka
)

// writeCerts creates an authority, and a certificate signed by it for 127.0.0.1 and
// localhost.
func writeCerts(dir string) error {
	caKey, keyErr := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(keyErr, err); err != nil {
		return err
	}
	ca := certTemplate("leadhook test authority")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	server := certTemplate("localhost")
	server.IPAddresses, server.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}
	server.KeyUsage, server.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}

	caDER, caErr := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	serverDER, serverErr := x509.CreateCertificate(rand.Reader, server, ca, serverKey.Public(), caKey)
	keyDER, keyErr := x509.MarshalPKCS8PrivateKey(serverKey)
	if err := errors.Join(caErr, serverErr, keyErr); err != nil {
		return err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: serverDER})
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	return errors.Join(
		os.WriteFile(filepath.Join(dir, caFile), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), 0o600),
		os.WriteFile(filepath.Join(dir, certFile), cert, 0o600),
		os.WriteFile(filepath.Join(dir, keyFile), key, 0o600),
		os.WriteFile(filepath.Join(dir, bothFile), append(key, cert...), 0o600),
	)
}

func certTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
}
