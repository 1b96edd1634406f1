package attempt

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
	"github.com/leadhook/leadhook/lead"
)

// A Target is a webhook made ready to be called: what is the same for all of
// its attempts, and costs something to find out. It is not changed any more,
// and safe for concurrent use.
type Target struct {
	url     *url.URL
	origin  string
	refusal error           // why the guard does not let it be called; nil: it does
	keys    [][]byte        // to sign with; none: unsigned
	wire    *http1.Template // the same, and what goes with every request
}

// Origin is the scheme, the host and the port, as the URL has them.
func (t *Target) Origin() string { return t.origin }

// Host is the host, with the port if the URL has one.
func (t *Target) Host() string { return t.url.Host }

// Refusal says why the target is not called, as the operator's settings are;
// nil: it is, if the address that its name leads to is allowed.
func (t *Target) Refusal() error { return t.refusal }

// newTarget reads what a webhook says about how to call it. An error means that
// the webhook's record is damaged; it quotes nothing of the record.
func (c *Client) newTarget(hook *lead.Webhook) (*Target, error) {
	u, err := wireURL(hook.URL, c.opts.Proxy != nil)
	if err != nil {
		return nil, err
	}
	keys, err := signingKeys(hook.SigningSecrets)
	if err != nil {
		return nil, err
	}
	return &Target{
		url: u, origin: u.Scheme + "://" + u.Host, refusal: c.guard.CheckURL(u), keys: keys,
		wire: http1.NewTemplate(u, c.constant(hook)),
	}, nil
}

// constant is the part of the header that no delivery changes, in the order of
// the names. Nothing that an advertiser set can take the place of what leadhook
// says itself, here and in [Request.fields].
func (c *Client) constant(hook *lead.Webhook) []http1.Field {
	h := http.Header{}
	for name, value := range hook.Headers {
		h.Set(name, value.Reveal())
	}
	if token := hook.Authorization.Reveal(); token != "" {
		h.Set(cmp.Or(hook.AuthHeader, "Authorization"), token)
	}
	h.Set("User-Agent", c.opts.UserAgent)
	var constant []http1.Field
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if !ofDelivery(name) {
			constant = append(constant, http1.Field{Name: name, Value: h.Get(name)})
		}
	}
	return constant
}

// ofDelivery says whether a field is one that [Request.fields] may have. Seeding
// refuses webhooks with one; a record may have been written otherwise.
func ofDelivery(name string) bool {
	return name == "Content-Type" || name == "Traceparent" || strings.HasPrefix(name, "Webhook-")
}

// targets remembers the targets of the webhooks in use. Webhooks are not
// changed once they are handed out, so that a pointer stands for all that one
// says.
type targets struct {
	mu    sync.RWMutex
	known map[*lead.Webhook]*Target // guarded by mu; at most maxTargets
}

const maxTargets = 8192

func (t *targets) get(hook *lead.Webhook) *Target {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.known[hook]
}

// put forgets all others when there are too many: to aim anew now and then
// costs less than to keep track of which was used when.
func (t *targets) put(hook *lead.Webhook, to *Target) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil || len(t.known) >= maxTargets {
		t.known = make(map[*lead.Webhook]*Target)
	}
	t.known[hook] = to
}

// Target returns the target of a webhook, and remembers it: the webhook must not
// be changed. An error means that the webhook's record is damaged; it quotes
// nothing of the record.
func (c *Client) Target(hook *lead.Webhook) (*Target, error) {
	if known := c.targets.get(hook); known != nil {
		return known, nil
	}
	to, err := c.newTarget(hook)
	if err == nil {
		c.targets.put(hook, to)
	}
	return to, err
}

// wireURL reads a URL so that net/http sends its path and query byte for byte.
// Left alone, [url.URL] writes escapes for characters that it thinks should
// have them, and CRMs there are whose router, or whose token in the path, then
// does not match any more.
func wireURL(raw string, viaProxy bool) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || strings.ContainsAny(raw, " \t") {
		return nil, errors.New("the URL of the webhook is not valid")
	}
	path := rawPath(raw)
	if cmp.Or(u.EscapedPath(), "/") == path || u.Host == "" {
		return u, nil
	}
	u.Opaque = path
	if strings.HasPrefix(path, "//") || viaProxy && u.Scheme == "http" {
		// Only with the host before it is such a path understood by net/http,
		// and by a proxy (RFC 9112 §3.2.2).
		u.Opaque = "//" + u.Host + path
	}
	return u, nil
}

// rawPath is the path of a URL as it is written; "/" stands for none, as
// RFC 9112 §3.2.1 wants.
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
