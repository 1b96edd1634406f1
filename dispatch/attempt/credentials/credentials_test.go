package credentials_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/leadhook/leadhook/dispatch/attempt/credentials"
)

var until = time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// pair makes a certificate and its key.
func pair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: until.AddDate(-1, 0, 0), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", pkcs8)
}

func TestFaults(t *testing.T) {
	certificate, key := pair(t)
	other, otherKey := pair(t)
	encrypted := "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n"
	for name, c := range map[string]struct{ text, client, ca string }{ // what is wrong with it, empty: nothing
		"both":              {certificate + key, "", "has a private key, which does not belong there"},
		"key first":         {key + certificate, "", "has a private key"},
		"a chain":           {certificate + other + key, "", "has a private key"},
		"with words":        {"Bag Attributes\n" + certificate + "Key Attributes: <none>\r\n" + key, "", "has a private key"},
		"certificate alone": {certificate, "has no private key", ""},
		"two":               {certificate + other, "has no private key", ""},
		"key alone":         {key, "has no certificate", "has no certificate"},
		"another's key":     {certificate + otherKey, "does not belong to its first certificate", "has a private key"},
		"another first":     {other + certificate + key, "does not belong to its first certificate", "has a private key"},
		"two keys":          {certificate + key + otherKey, "more than one private key", "has a private key"},
		"encrypted":         {certificate + block("ENCRYPTED PRIVATE KEY", []byte{1}), "encrypted", "has a private key"},
		"encrypted as ever": {certificate + encrypted, "encrypted", "has a private key"},
		"no PEM":            {"hunter2", "is not PEM", "is not PEM"},
		"cut off":           {certificate + key[:len(key)/2], "has a part that begins with -----BEGIN", "has a part that begins with -----BEGIN"},
		"no certificate":    {block("CERTIFICATE", []byte("hunter2")) + key, "number 1, that cannot be read", "has a private key"},
		"the second is bad": {certificate + block("CERTIFICATE", []byte("hunter2")), "has no private key", "number 2, that cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, client := credentials.ClientCertificate(c.text)
			_, ca := credentials.Authorities(c.text)
			for _, got := range []struct {
				err  error
				want string
			}{{client, c.client}, {ca, c.ca}} {
				if (got.err == nil) != (got.want == "") || got.err != nil && !strings.Contains(got.err.Error(), got.want) {
					t.Errorf("got %v, want %q", got.err, got.want)
				}
			}
		})
	}
	if got := credentials.Expired(certificate+key, until.Add(time.Second)); !got.Equal(until) {
		t.Errorf("got %v, want %v", got, until)
	}
	if got := credentials.Expired(certificate, until); !got.IsZero() {
		t.Errorf("got %v, want none expired", got)
	}
}
