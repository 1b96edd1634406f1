package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// TLS is how to talk TLS as a client. The zero value is: not at all.
type TLS struct {
	Enabled    bool
	CAFile     string // PEM; trusted instead of the system's certificates. Empty: the system's
	CertFile   string // PEM; the client's certificate, together with KeyFile. Empty: none
	KeyFile    string // PEM
	ServerName string // expected in the server's certificate; empty: the host that is dialled
}

// ClientConfig reads the files and returns what crypto/tls wants to know, nil
// if TLS is not enabled. [Load] has tried it already, but files change.
func (t TLS) ClientConfig() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	roots, err := t.roots()
	if err != nil {
		return nil, err
	}
	pairs, err := t.certificates()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		ServerName:   t.ServerName,
		RootCAs:      roots,
		Certificates: pairs,
	}, nil
}

func (t TLS) roots() (*x509.CertPool, error) {
	if t.CAFile == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	return pool, addCertificates(pool, t.CAFile)
}

func (t TLS) certificates() ([]tls.Certificate, error) {
	if t.CertFile == "" {
		return nil, nil
	}
	cert, err := readFile(t.CertFile, maxPEM)
	if err != nil {
		return nil, fmt.Errorf("reading the client's certificate: %w", err)
	}
	key, err := readFile(t.KeyFile, maxPEM)
	if err != nil {
		return nil, fmt.Errorf("reading the key of the client's certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("the client's certificate %s with the key %s: %w", t.CertFile, t.KeyFile, err)
	}
	return []tls.Certificate{pair}, nil
}

// RootCAs returns the system's certificates and those of CAFile, nil if there
// is no CAFile: then the system's alone count.
func (h HTTP) RootCAs() (*x509.CertPool, error) {
	if h.CAFile == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the system's certificates: %w", err)
	}
	if err := addCertificates(pool, h.CAFile); err != nil {
		return nil, err
	}
	return pool, nil
}

// maxPEM is many times what all public authorities together need, in bytes.
const maxPEM = 8 << 20

func addCertificates(pool *x509.CertPool, file string) error {
	pem, err := readFile(file, maxPEM)
	if err != nil {
		return fmt.Errorf("reading certificates: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s has no certificate in PEM form", file)
	}
	return nil
}
