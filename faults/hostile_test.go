//go:build faults

package faults

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// A hostility is what one CRM does to its leads.
type hostility struct {
	name string
	does func(*rig, *hook) // to the webhook, before it is seeded
	ends bool              // by itself: the CRM is well again after some seconds
	want func(*tally) int  // how many of its leads must have come to this in the end

	twice most // what may come twice
}

func delivered(t *tally) int { return t.delivered }
func dead(t *tally) int      { return t.dead }

// TestHostileCRMs has many CRMs, each hostile in its own way, beside healthy
// ones. After some seconds those are well again whose failing may be over by
// itself, and somebody corrects the webhooks that lead to nowhere.
func TestHostileCRMs(t *testing.T) {
	bomb() // takes a while to make
	const each = 20
	r := newRig(t, setup{environ: append([]string{"LEADHOOK_HTTP_TIMEOUT=2s", "LEADHOOK_HTTP_CONNECT_TIMEOUT=1s"}, quickRetries...)})
	kinds, healthy := hostilities(), r.many("healthy", 20)
	var hooks []*hook
	for n, kind := range kinds {
		h := r.hook(fmt.Sprintf("hostile%d", n))
		kind.does(r, h)
		hooks = append(hooks, h)
	}
	r.allowPorts()
	r.seed(hooks...)
	i := r.runs(1)[0]
	all := slices.Concat(healthy, hooks)
	r.publish(each*len(all), flow, all...)
	time.Sleep(5 * time.Second)
	r.correct(kinds, hooks)
	end := time.Now()
	a := r.settled(3 * time.Minute)
	for n, kind := range kinds {
		got := a.of(hooks[n])
		if kind.want(got) != each {
			r.fails("CRM: %s: %+v\n%s", kind.name, *got, a.details())
		}
		r.tolerates(30*time.Second, kind.twice)
		r.rowOf("CRM: "+kind.name, got, a.recovered(end, hooks[n]), fmt.Sprintf("%d delivered, %d dead", got.delivered, got.dead))
	}
	if peak := i.peak(); peak > 150<<20 {
		r.fails("the hostile CRMs made the service take %d MB", peak>>20)
	}
	if p99 := a.p99(healthy...); p99 > time.Second {
		r.fails("the healthy ones waited up to %v (p99)", p99)
	}
}

// correct seeds the webhooks that need somebody's help with an address that is
// sound, and has the other CRMs be well that will be.
func (r *rig) correct(kinds []hostility, hooks []*hook) {
	r.t.Helper()
	for n, h := range hooks {
		if kinds[n].ends {
			r.crm.behave(h.path(), takes)
		}
		if h.broken {
			h.URL = r.crm.url() + h.path()
		}
	}
	r.seed(hooks...)
}

func hostilities() []hostility {
	is := func(b behaviour) func(*rig, *hook) {
		return func(r *rig, h *hook) { r.crm.behave(h.path(), b) }
	}
	// elsewhere is a webhook that is corrected later.
	elsewhere := func(url func(*rig) string) func(*rig, *hook) {
		return func(r *rig, h *hook) { h.URL, h.broken = url(r)+h.path(), true }
	}
	secure := func(b behaviour) func(*rig, *hook) {
		return func(r *rig, h *hook) {
			h.URL = r.crm.securely(r.ca) + h.path()
			r.crm.behave(h.path(), b)
		}
	}
	return []hostility{
		{name: "refuses connections, corrected by seed", does: elsewhere(func(r *rig) string { return r.crm.refusing() }), want: delivered},
		{name: "a black hole", does: is(hangs), ends: true, want: delivered},
		{name: "drips its answer", does: is(drips), ends: true, want: delivered},
		{name: "answers without end", does: is(endless), want: delivered},
		{name: "answers with a gzip bomb", does: is(bombs), want: delivered},
		{name: "302 to elsewhere", does: is(redirects("http://192.0.2.1/")), want: dead},
		{name: "resets after reading the request", does: is(resets(false)), ends: true, want: delivered},
		{name: "takes the lead and resets", does: is(resets(true)), ends: true, want: delivered, twice: most{maybeReceived: 20}},
		{name: "garbage instead of HTTP", does: is(garbage), ends: true, want: delivered},
		{name: "huge headers", does: is(hugeHeaders), ends: true, want: delivered},
		{name: "certificate expired, corrected by seed", does: elsewhere(func(r *rig) string { return r.crm.secure(r.ca.expired()) }), want: delivered},
		{name: "certificate for another name, corrected by seed", does: elsewhere(func(r *rig) string { return r.crm.secure(r.ca.wrongName()) }), want: delivered},
		{name: "certificate self-signed, corrected by seed", does: elsewhere(func(r *rig) string { return r.crm.secure(r.ca.selfSigned()) }), want: delivered},
		{name: "429 without Retry-After", does: is(later(http.StatusTooManyRequests, "")), ends: true, want: delivered},
		{name: "429 with Retry-After", does: is(later(http.StatusTooManyRequests, "2")), ends: true, want: delivered},
		{name: "503 with Retry-After", does: is(later(http.StatusServiceUnavailable, "2")), ends: true, want: delivered},
		{name: "500", does: is(status(http.StatusInternalServerError)), ends: true, want: delivered},
		{name: "400", does: is(status(http.StatusBadRequest)), want: dead},
		{name: "410", does: is(status(http.StatusGone)), want: dead},
		{name: "HTTP/2, GOAWAY after each answer", does: secure(goesAway), want: delivered},
		{name: "HTTP/2, resets the stream", does: secure(streamResets), ends: true, want: delivered},
	}
}
