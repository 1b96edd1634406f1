package attempt

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/leadhook/leadhook/dispatch/attempt/credentials"
	"github.com/leadhook/leadhook/dispatch/attempt/http1"
	"github.com/leadhook/leadhook/lead"
)

// legacySuites are all but those that are broken, RC4 and 3DES: also key exchange by RSA,
// without forward secrecy, and CBC with SHA-256.
var legacySuites = func() (ids []uint16) {
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if !strings.Contains(suite.Name, "_RC4_") && !strings.Contains(suite.Name, "_3DES_") {
			ids = append(ids, suite.ID)
		}
	}
	return ids
}()

// hasOwnTLS reports whether TLS is made for the webhook in a way of its own.
func hasOwnTLS(hook *lead.Webhook) bool {
	return hook.ClientCert != "" || hook.CA != "" || hook.LegacyTLS
}

// security returns what is special about TLS for a webhook, and nil if nothing is. What it
// makes of the texts is not kept: it is needed for a handshake alone, and a thousand
// webhooks would hold a thousand pools of authorities.
func security(hook *lead.Webhook) func(*tls.Config) error {
	if !hasOwnTLS(hook) {
		return nil
	}
	return func(config *tls.Config) error {
		if hook.ClientCert != "" {
			own, err := credentials.ClientCertificate(hook.ClientCert.Reveal())
			if err != nil {
				return errors.New("the client_cert of the webhook is not valid; seed the webhook again")
			}
			// Not as Certificates: then it would be left out where the CRM's list of
			// authorities does not have its issuer, and those lists are often wrong.
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
		}
		if hook.CA != "" {
			also, err := credentials.Authorities(hook.CA)
			if err != nil {
				return errors.New("the ca of the webhook is not valid; seed the webhook again")
			}
			config.RootCAs = trusting(config.RootCAs, also)
		}
		if hook.LegacyTLS {
			config.CipherSuites, config.CurvePreferences = legacySuites, http1.ClassicGroups
		}
		return nil
	}
}

// trusting returns a pool with further certificates. A nil pool is the system's.
func trusting(pool *x509.CertPool, also []*x509.Certificate) *x509.CertPool {
	var err error
	if pool != nil {
		pool = pool.Clone()
	} else if pool, err = x509.SystemCertPool(); err != nil {
		pool = x509.NewCertPool() // the system has none
	}
	for _, c := range also {
		pool.AddCert(c)
	}
	return pool
}

// securityName names what is special about TLS for a webhook: it is the same for webhooks
// that may share connections, and empty if nothing is.
func securityName(hook *lead.Webhook) string {
	if !hasOwnTLS(hook) {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d %d %t ", len(hook.ClientCert), len(hook.CA), hook.LegacyTLS)
	h.Write([]byte(hook.ClientCert.Reveal()))
	h.Write([]byte(hook.CA))
	return string(h.Sum(nil))
}
