// Package credentials reads what a webhook brings for TLS: the certificate that leadhook
// shows to its CRM, and the authorities that it trusts beside the system's. Both are PEM
// (RFC 7468), as the programs that make them write it.
//
// It does not know what a connection is made of, nor where the texts come from.
package credentials

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The errors say what is wrong with a text and quote nothing of it: it has a private key.
var (
	errNotPEM    = errors.New("is not PEM: want lines from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----")
	errCutOff    = errors.New("has a part that begins with -----BEGIN and cannot be read: a line is missing or changed")
	errNoCert    = errors.New("has no certificate (-----BEGIN CERTIFICATE-----)")
	errNoKey     = errors.New("has no private key (-----BEGIN PRIVATE KEY-----): write it behind the certificates")
	errTwoKeys   = errors.New("has more than one private key")
	errEncrypted = errors.New("has a private key that is encrypted: write what openssl pkey -in FILE prints")
	errBadKey    = errors.New("has a private key that does not belong to its first certificate, or is of a kind that TLS does not know")
	errKeyInCA   = errors.New("has a private key, which does not belong there: it takes certificates alone")
)

// ClientCertificate reads a certificate, those that vouch for it, and its private key. The
// certificate comes first among the certificates; the key may stand anywhere.
func ClientCertificate(text string) (*tls.Certificate, error) {
	certificates, keys, err := blocks(text)
	switch {
	case err != nil:
		return nil, err
	case len(keys) == 0:
		return nil, errNoKey
	case len(keys) > 1:
		return nil, errTwoKeys
	case keys[0].Type == "ENCRYPTED PRIVATE KEY", keys[0].Headers["DEK-Info"] != "":
		return nil, errEncrypted
	}
	var chain []byte
	for _, c := range certificates {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: c.Type, Bytes: c.Bytes})...)
	}
	if _, err := parse(certificates); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(chain, pem.EncodeToMemory(&pem.Block{Type: keys[0].Type, Bytes: keys[0].Bytes}))
	if err != nil {
		return nil, errBadKey // its text may quote the key
	}
	return &pair, nil
}

// Authorities reads certificates. There is at least one.
func Authorities(text string) ([]*x509.Certificate, error) {
	certificates, keys, err := blocks(text)
	if err == nil && len(keys) > 0 {
		err = errKeyInCA
	}
	if err != nil {
		return nil, err
	}
	return parse(certificates)
}

// Expired returns when the first of the certificates in a text expired that is no longer
// valid at the given time, or zero if all are.
func Expired(text string, now time.Time) time.Time {
	certificates, _, _ := blocks(text)
	parsed, _ := parse(certificates)
	for _, c := range parsed {
		if now.After(c.NotAfter) {
			return c.NotAfter
		}
	}
	return time.Time{}
}

// blocks returns the parts of a text. What stands between them is not looked at: openssl
// writes names there.
func blocks(text string) (certificates, keys []*pem.Block, err error) {
	const begin = "-----BEGIN "
	rest := []byte(text)
	count := 0
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		count++
		switch {
		case block.Type == "CERTIFICATE":
			certificates = append(certificates, block)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			keys = append(keys, block)
		}
	}
	switch {
	case count != strings.Count(text, begin):
		err = errCutOff
	case count == 0:
		err = errNotPEM
	case len(certificates) == 0:
		err = errNoCert
	}
	return certificates, keys, err
}

func parse(blocks []*pem.Block) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for i, block := range blocks {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("has a certificate, number %d, that cannot be read", i+1)
		}
		list = append(list, c)
	}
	return list, nil
}
