package attempt

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
)

// A tlsRefusal is why one side does not take the certificate or the parameters of the
// other in TLS. No later attempt succeeds before somebody changes something.
type tlsRefusal struct {
	text string

	// unaccepted is whether the CRM has refused the connection, whatever was written to it
	// by then. A client of TLS 1.3 may send as soon as its part of the handshake is done,
	// and learns only from the first read whether the CRM took its certificate. If not,
	// the CRM has aborted the handshake (RFC 8446 §4.4.2.4, §6.2): what it cannot have
	// accepted is not given to anybody behind it.
	unaccepted bool
}

// The alerts of TLS (RFC 8446 §6, RFC 5246 §7.2) that are about certificates or parameters.
const (
	alertHandshakeFailure      tls.AlertError = 40
	alertBadCertificate        tls.AlertError = 42
	alertUnsupportedCert       tls.AlertError = 43
	alertCertificateRevoked    tls.AlertError = 44
	alertCertificateExpired    tls.AlertError = 45
	alertCertificateUnknown    tls.AlertError = 46
	alertUnknownCA             tls.AlertError = 48
	alertAccessDenied          tls.AlertError = 49
	alertProtocolVersion       tls.AlertError = 70
	alertInsufficientSecurity  tls.AlertError = 71
	alertNoRenegotiation       tls.AlertError = 100
	alertUnrecognizedName      tls.AlertError = 112
	alertCertificateRequired   tls.AlertError = 116
	alertNoApplicationProtocol tls.AlertError = 120
)

// aboutOurCertificate are the alerts about the certificate of the client.
var aboutOurCertificate = []tls.AlertError{
	alertBadCertificate, alertUnsupportedCert, alertCertificateRevoked, alertCertificateExpired,
	alertCertificateUnknown, alertUnknownCA, alertAccessDenied, alertCertificateRequired,
}

// refusedTLS returns what in TLS was refused, and nil if nothing was.
func (c *Client) refusedTLS(err error, x *exchange) *tlsRefusal {
	op, _ := errors.AsType[*net.OpError](err)
	if op != nil && op.Op == "proxyconnect" {
		return nil // it is about the proxy
	}
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &tlsRefusal{text: explainCertificate(cert, x.target.url.Host, "the webhook's ca")}
	}
	failed, _ := errors.AsType[*http1.HandshakeError](err)
	if failed != nil && strings.Contains(failed.Err.Error(), "server selected unsupported protocol version") {
		return &tlsRefusal{text: oldVersion}
	}
	if op == nil {
		return nil
	}
	switch alert := alertOf(op.Err); {
	case op.Op == "local error" && alert == alertNoRenegotiation:
		return &tlsRefusal{text: "the CRM began TLS anew after the request (renegotiation, as IIS does to ask for a client certificate), which is refused: " +
			"the CRM must ask for the certificate when the connection begins (IIS: Negotiate Client Certificate), or not at all"}
	case op.Op != "remote error":
		return nil
	case slices.Contains(aboutOurCertificate, alert):
		return &tlsRefusal{text: x.target.explainOurCertificate(alert), unaccepted: x.unaccepted(alert)}
	case alert == alertHandshakeFailure || alert == alertInsufficientSecurity:
		return &tlsRefusal{text: x.target.explainParameters(failed != nil && failed.Wanted, op.Err)}
	case alert == alertProtocolVersion:
		return &tlsRefusal{text: oldVersion}
	case alert == alertUnrecognizedName:
		return &tlsRefusal{text: "the CRM's server does not know the name " + x.target.url.Hostname() + " (" + op.Err.Error() + "): check the URL of the webhook"}
	case alert == alertNoApplicationProtocol:
		return &tlsRefusal{text: "the CRM takes neither HTTP/1.1 nor HTTP/2 on this port (" + op.Err.Error() + "): check the URL of the webhook"}
	}
	return nil
}

const oldVersion = "the CRM does not speak TLS 1.2 or 1.3, and older versions are not safe: its server must be updated"

// alertOf returns the alert that crypto/tls reports, or zero. It has a type of its own for
// them that only its text tells.
func alertOf(err error) tls.AlertError {
	for alert := range alertNoApplicationProtocol + 1 {
		if alert != 0 && err.Error() == alert.Error() {
			return alert
		}
	}
	return 0
}

// unaccepted reports whether an alert about our certificate ended the handshake for the CRM:
// not one on a connection that has carried requests, and not a denial, which may come from
// what reads the request.
func (x *exchange) unaccepted(alert tls.AlertError) bool {
	secure, ok := x.outer.(*tls.Conn)
	return ok && !x.reused && alert != alertAccessDenied && secure.ConnectionState().Version == tls.VersionTLS13
}

func (t *Target) explainOurCertificate(alert tls.AlertError) string {
	said := " (" + alert.Error() + ")"
	if !t.ownCert {
		return "the CRM wants a client certificate" + said + ": give the webhook one that the CRM knows, as client_cert"
	}
	return "the CRM does not take the webhook's client certificate" + said + ": check client_cert, that it is valid, that the CRM knows it, and that it has the certificates that vouch for it"
}

func (t *Target) explainParameters(wanted bool, alert error) string {
	said := " (" + alert.Error() + ")"
	switch {
	case wanted:
		return t.explainOurCertificate(alertOf(alert))
	case t.legacy:
		return "TLS with the CRM has no cipher or key exchange in common, even with legacy_tls" + said +
			": its server must be updated, or wants a client certificate (client_cert)"
	}
	return "TLS with the CRM has no cipher or key exchange in common" + said +
		": its server is old and needs legacy_tls: true, or wants a client certificate (client_cert)"
}

// explainCertificate explains why the certificate of a host was refused. What would be
// trusted is put where the last argument says.
func explainCertificate(err *tls.CertificateVerificationError, host, ca string) string {
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		return "certificate is not for " + name.Host + " but for " + namesOf(name.Certificate)
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok && len(err.UnverifiedCertificates) > 0 {
		return "certificate of " + host + " " + explainChain(err.UnverifiedCertificates, ca)
	}
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	if !ok || invalid.Reason != x509.Expired {
		return "certificate of " + host + " cannot be trusted"
	}
	of := ""
	if len(err.UnverifiedCertificates) > 0 && !invalid.Cert.Equal(err.UnverifiedCertificates[0]) {
		of = " of " + nameOf(&invalid.Cert.Subject) + ", which vouches for that of " + host + ","
	}
	if time.Now().After(invalid.Cert.NotAfter) {
		return "certificate" + of + " expired on " + invalid.Cert.NotAfter.UTC().Format(time.DateOnly)
	}
	return "certificate" + of + " is not valid before " + invalid.Cert.NotBefore.UTC().Format(time.DateOnly)
}

// explainChain explains why a chain of certificates, as the CRM sent it, leads to none that
// is trusted.
func explainChain(chain []*x509.Certificate, ca string) string {
	last := chain[len(chain)-1]
	switch {
	case selfSigned(last) && len(chain) == 1:
		return "is self-signed, so nobody vouches for it: the CRM needs another, or put it into " + ca
	case selfSigned(last):
		return "is signed by an unknown authority, " + nameOf(&last.Subject) + ": put its certificate into " + ca + " if it is to be trusted"
	}
	return "is signed by an unknown authority: its chain is incomplete, as the CRM does not send the certificate of " + nameOf(&last.Issuer) +
		", which signed that of " + nameOf(&last.Subject) + ": the CRM must send it too, or put it into " + ca
}

func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// namesOf returns for which names a certificate is, the first few of them.
func namesOf(c *x509.Certificate) string {
	const most = 3
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name at all (subject alternative name)"
	}
	for i := range names {
		names[i] = shown(names[i])
	}
	if more := len(names) - most; more > 0 {
		return strings.Join(names[:most], ", ") + " and " + strconv.Itoa(more) + " more"
	}
	return strings.Join(names, ", ")
}

// nameOf returns the name by which people know an authority.
func nameOf(name *pkix.Name) string {
	for _, text := range slices.Concat([]string{name.CommonName}, name.OrganizationalUnit, name.Organization) {
		if text != "" {
			return strconv.Quote(shown(text))
		}
	}
	return "an authority without a name"
}

// shown returns a text of a certificate that nobody vouches for: not much of it, and
// nothing that is not printable.
func shown(text string) string {
	const most = 64
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}
