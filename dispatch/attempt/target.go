package attempt

import (
	"cmp"
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/leadhook/leadhook/dispatch/attempt/answer"
	"github.com/leadhook/leadhook/dispatch/attempt/http1"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/scrub"
)

// A Target is a webhook prepared for attempts. It holds what is the same for each
// attempt and would cost time to work out again. It does not change, and is safe
// for concurrent use.
type Target struct {
	hook     *lead.Webhook
	url      *url.URL
	origin   string
	blocked  error    // why the guard does not allow the URL; nil: it does
	keys     [][]byte // for signing; empty: requests are not signed
	template *http1.Template
	ownCert  bool          // the webhook has a client certificate
	legacy   bool          // it allows what only old servers need
	rules    *answer.Rules // for what answers mean; nil: their status alone counts
	keep     func(int) int // keeps, allocated once
}

// keeps returns how many bytes are needed of the body of an answer with the status: for what
// is kept of one that failed, for the rules, or to see doubt.
func (t *Target) keeps(status int) int {
	switch m := t.rules.Status(status); {
	case !delivers(status, m.Outcome):
		return scrub.MaxRead
	case t.rules.WantsBody():
		return answer.MaxBody
	case status/100 == 2:
		return answer.MaxDoubt
	}
	return 0
}

// doubts reports whether an answer plainly says failure that its status says is none, and
// there are no rules for the body. AWS WAF answers 202 with a challenge that only browsers
// can solve.
func (t *Target) doubts(a *http1.Answer) bool {
	return a.Status/100 == 2 && !t.rules.WantsBody() &&
		(a.Field("X-Amzn-Waf-Action") != "" || answer.Doubtful(plainHead(a, answer.MaxDoubt)))
}

// Origin returns the [Origin] of the URL.
func (t *Target) Origin() string { return t.origin }

// Origin returns the scheme, the host and the port of a URL in the one form that
// all URLs of a server have in common: a name in lower case and without a dot at
// its end, an address in its shortest form, and no port that the scheme implies.
// Otherwise advertisers that write it differently would not share its limits.
func Origin(u *url.URL) string {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.String()
	}
	if port := u.Port(); port != "" && port != usualPorts[u.Scheme] {
		return u.Scheme + "://" + net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return u.Scheme + "://" + host
}

var usualPorts = map[string]string{"http": "80", "https": "443"}

// Host returns the host, with the port if the URL has one.
func (t *Target) Host() string { return t.url.Host }

// Blocked returns why the [Guard] does not allow the URL, or nil if it does. The
// Guard may still refuse the address that the host name resolves to.
func (t *Target) Blocked() error { return t.blocked }

// Target returns the target of a webhook, and caches it: the webhook must not
// change. An error means that the webhook's record is damaged; it quotes nothing
// of the record.
func (c *Client) Target(hook *lead.Webhook) (*Target, error) {
	if t := c.targets.get(hook); t != nil {
		return t, nil
	}
	t, err := c.newTarget(hook)
	if err == nil {
		c.targets.put(hook, t)
	}
	return t, err
}

func (c *Client) newTarget(hook *lead.Webhook) (*Target, error) {
	u, err := parseURL(hook.URL, c.opts.Proxy != nil)
	if err != nil {
		return nil, err
	}
	keys, err := signingKeys(hook.SigningSecrets)
	if err != nil {
		return nil, err
	}
	rules, faults := answer.Compile(hook.Answers)
	if len(faults) > 0 {
		return nil, errors.New("the answers of the webhook are not valid; seed the webhook again")
	}
	secure := security(hook)
	if secure != nil {
		if err := secure(&tls.Config{MinVersion: tls.VersionTLS12}); err != nil {
			return nil, err
		}
	}
	blocked := c.guard.CheckURL(u)
	if blocked == nil && secure != nil && c.opts.Proxy != nil && c.opts.Proxy.Scheme != "http" && c.opts.Proxy.Scheme != "https" {
		blocked = guardError("client_cert, ca and legacy_tls do not work through a socks5 proxy: set http.proxy to one with http or https")
	}
	t := &Target{
		hook: hook, url: u, origin: Origin(u), blocked: blocked, keys: keys, rules: rules,
		template: http1.NewTemplate(u, c.constantFields(hook), c.group(hook), secure),
		ownCert:  hook.ClientCert != "", legacy: hook.LegacyTLS,
	}
	t.keep = t.keeps
	return t, nil
}

// group returns whose requests may share the webhook's connections: those with the same
// TLS, and of the same advertiser if the operator wants that.
func (c *Client) group(hook *lead.Webhook) string {
	group := securityName(hook)
	if c.opts.PerAdvertiser {
		group += hook.Advertiser // behind what has one length, or is empty
	}
	return group
}

// constantFields returns the part of the header that is the same for each attempt
// at the webhook, in the order of the names, which are spelled as the advertiser did:
// there are CRMs that look for them in just that case. Nothing that an advertiser set can
// take the place of leadhook's own fields, neither here nor in [Request.fields], except
// Accept.
func (c *Client) constantFields(hook *lead.Webhook) []http1.HeaderField {
	h := map[string]http1.HeaderField{} // by the canonical name
	set := func(name, value string) {
		h[http.CanonicalHeaderKey(name)] = http1.HeaderField{Name: name, Value: value}
	}
	set("Accept", "*/*")
	for _, name := range slices.Sorted(maps.Keys(hook.Headers)) {
		set(name, hook.Headers[name].Reveal())
	}
	if token := hook.Authorization.Reveal(); token != "" {
		set(cmp.Or(hook.AuthHeader, "Authorization"), token)
	}
	set("User-Agent", c.opts.UserAgent)
	var fields []http1.HeaderField
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if !isAttemptField(name) {
			fields = append(fields, h[name])
		}
	}
	return fields
}

// isAttemptField reports whether [Request.fields] may set the field of that canonical
// name. Seeding refuses webhooks with such a field, but a record may have been written in
// another way.
func isAttemptField(name string) bool {
	return name == "Content-Type" || name == "Traceparent" || strings.HasPrefix(name, "Webhook-")
}

// A targetCache holds the targets of the webhooks in use. A webhook does not
// change after it was handed out, so its pointer identifies it.
type targetCache struct {
	mu      sync.RWMutex
	targets map[*lead.Webhook]*Target // guarded by mu; at most maxTargets
}

const maxTargets = 8192

func (c *targetCache) get(hook *lead.Webhook) *Target {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.targets[hook]
}

// put empties a full cache: preparing targets again now and then costs less than
// recording which was used when.
func (c *targetCache) put(hook *lead.Webhook, t *Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.targets == nil || len(c.targets) >= maxTargets {
		c.targets = make(map[*lead.Webhook]*Target)
	}
	c.targets[hook] = t
}

// parseURL parses a URL so that net/http sends its path and query byte for byte.
// By itself [url.URL] escapes some characters. There are CRMs whose router then
// no longer matches the path, or the token in it.
func parseURL(raw string, viaProxy bool) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || strings.ContainsAny(raw, " \t") {
		return nil, errors.New("the URL of the webhook is not valid; seed the webhook again")
	}
	path := rawPath(raw)
	if cmp.Or(u.EscapedPath(), "/") == path || u.Host == "" {
		return u, nil
	}
	u.Opaque = path
	if strings.HasPrefix(path, "//") || viaProxy && u.Scheme == "http" {
		// net/http understands such a path only after the host, and so does a
		// proxy (RFC 9112 §3.2.2).
		u.Opaque = "//" + u.Host + path
	}
	return u, nil
}

// rawPath returns the path of a URL as it is written, or "/" if there is none
// (RFC 9112 §3.2.1).
func rawPath(raw string) string {
	_, rest, _ := strings.Cut(raw, "://")
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[i:]
	}
	return "/"
}
