package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// TLS configures TLS of a client. The zero value means no TLS.
type TLS struct {
	Enabled    bool
	CAFile     string // PEM; trusted instead of the system's certificates. May be empty
	CertFile   string // PEM; the client's certificate, together with KeyFile. May be empty
	KeyFile    string // PEM
	ServerName string // expected in the server's certificate; empty: the host that is dialled
}

// ClientConfig reads the files and returns a client's configuration, nil if TLS is
// not enabled. An error means that a file has changed since [Load] checked it.
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
	cert, err := readAtMost(t.CertFile, maxPEM)
	if err != nil {
		return nil, fmt.Errorf("reading the client's certificate: %w", err)
	}
	key, err := readAtMost(t.KeyFile, maxPEM)
	if err != nil {
		return nil, fmt.Errorf("reading the key of the client's certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("the client's certificate %s with the key %s: %w", t.CertFile, t.KeyFile, err)
	}
	return []tls.Certificate{pair}, nil
}

// RootCAs returns the system's certificates and those of CAFile. It returns nil,
// which stands for the system's alone, if there is no CAFile.
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

// maxPEM is the largest accepted file of certificates, in bytes. The certificates of
// all public authorities together are many times smaller.
const maxPEM = 8 << 20

func addCertificates(pool *x509.CertPool, file string) error {
	pem, err := readAtMost(file, maxPEM)
	if err != nil {
		return fmt.Errorf("reading certificates: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s has no certificate in PEM form", file)
	}
	return nil
}
