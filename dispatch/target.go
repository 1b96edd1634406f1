package dispatch

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
	"github.com/leadhook/leadhook/lead"
)

// A target is a webhook made ready to be called: what is the same for all of
// its attempts, and costs something to find out. It is not changed any more.
type target struct {
	url     *url.URL
	host    string        // scheme, host and port
	refusal error         // why the guard does not let it be called; nil: it does
	keys    [][]byte      // to sign with; none: unsigned
	wire    *http1.Target // the same, and what goes with every request
}

// aim reads what a webhook says about how to call it. An error means that the
// webhook's record is damaged; it quotes nothing of the record.
func (s *sender) aim(hook *lead.Webhook) (*target, error) {
	u, err := wireURL(hook.URL, s.opts.Proxy != nil)
	if err != nil {
		return nil, err
	}
	keys, err := signingKeys(hook.SigningSecrets)
	if err != nil {
		return nil, err
	}
	return &target{
		url: u, host: u.Scheme + "://" + u.Host, refusal: s.guard.CheckURL(u), keys: keys,
		wire: http1.NewTarget(u, s.constant(hook)),
	}, nil
}

// constant is the part of the header that no delivery changes, in the order of
// the names. Nothing that an advertiser set can take the place of what leadhook
// says itself, here and in [delivery.header].
func (s *sender) constant(hook *lead.Webhook) []http1.Field {
	h := http.Header{}
	for name, value := range hook.Headers {
		h.Set(name, value.Reveal())
	}
	if token := hook.Authorization.Reveal(); token != "" {
		h.Set(cmp.Or(hook.AuthHeader, "Authorization"), token)
	}
	h.Set("User-Agent", s.opts.UserAgent)
	var constant []http1.Field
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if !ofDelivery(name) {
			constant = append(constant, http1.Field{Name: name, Value: h.Get(name)})
		}
	}
	return constant
}

// ofDelivery says whether a field is one that [delivery.header] may have. Seeding
// refuses webhooks with one; a record may have been written otherwise.
func ofDelivery(name string) bool {
	return name == "Content-Type" || name == "Traceparent" || strings.HasPrefix(name, "Webhook-")
}

// targets remembers the targets of the webhooks in use. Webhooks are not
// changed once they are handed out, so that a pointer stands for all that one
// says.
type targets struct {
	mu    sync.RWMutex
	known map[*lead.Webhook]*target // guarded by mu; at most maxTargets
}

const maxTargets = 8192

func (t *targets) get(hook *lead.Webhook) *target {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.known[hook]
}

// put forgets all others when there are too many: to aim anew now and then
// costs less than to keep track of which was used when.
func (t *targets) put(hook *lead.Webhook, to *target) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil || len(t.known) >= maxTargets {
		t.known = make(map[*lead.Webhook]*target)
	}
	t.known[hook] = to
}

// target finds the target of a webhook, or makes it.
func (s *sender) target(hook *lead.Webhook) (*target, error) {
	if known := s.targets.get(hook); known != nil {
		return known, nil
	}
	to, err := s.aim(hook)
	if err == nil {
		s.targets.put(hook, to)
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

// mostFields is how many fields a header has that is of one attempt.
const mostFields = 8

// header appends the part of the header that is of one attempt.
func (dl *delivery) header(h []http1.Field, now time.Time) []http1.Field {
	unix := strconv.FormatInt(now.Unix(), 10)
	h = append(h,
		http1.Field{Name: "Content-Type", Value: dl.body.ContentType},
		http1.Field{Name: "Webhook-Id", Value: dl.history.Delivery},
		http1.Field{Name: "Webhook-Timestamp", Value: unix},
		http1.Field{Name: "Webhook-Attempt", Value: strconv.Itoa(dl.history.Attempts)},
		http1.Field{Name: "Webhook-Trigger", Value: string(dl.ev.Trigger)},
	)
	if dl.ev.Test {
		h = append(h, http1.Field{Name: "Webhook-Test", Value: "true"})
	}
	if len(dl.target.keys) > 0 {
		h = append(h, http1.Field{Name: "Webhook-Signature", Value: sign(dl.target.keys, dl.history.Delivery, unix, dl.body.Parts[:])})
	}
	if parent := dl.msg.Header("traceparent"); validTraceparent(parent) {
		h = append(h, http1.Field{Name: "Traceparent", Value: parent})
	}
	return h
}

// request is what one attempt sends; room is for its fields.
func (dl *delivery) request(room []http1.Field, now time.Time) http1.Request {
	return http1.Request{Target: dl.target.wire, Fields: dl.header(room, now), Body: dl.body.Parts[:]}
}

// validTraceparent says whether s is a traceparent that may be passed on (W3C
// Trace Context §3.2): version, trace id, parent id and flags in lower-case
// hex, the ids not all zero.
func validTraceparent(s string) bool {
	const form = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-00"
	if len(s) != len(form) {
		return false
	}
	for i := range len(form) {
		dash := form[i] == '-'
		hex := '0' <= s[i] && s[i] <= '9' || 'a' <= s[i] && s[i] <= 'f'
		if dash != (s[i] == '-') || !dash && !hex {
			return false
		}
	}
	version, trace, parent := s[:2], s[3:35], s[36:52]
	return version != "ff" && strings.Trim(trace, "0") != "" && strings.Trim(parent, "0") != ""
}
