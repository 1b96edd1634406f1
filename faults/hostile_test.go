//go:build faults

package faults

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// A hostility is what one CRM does to its leads.
type hostility struct {
	name string
	does func(*rig, *hook) // to the webhook, before it is seeded
	want func(*tally) int  // how many of its leads must have come to this in the end
}

func delivered(t *tally) int { return t.delivered }
func dead(t *tally) int      { return t.dead }

// TestHostileCRMs has many CRMs, each hostile in its own way, beside healthy
// ones. Those whose failing may be over by itself, or by somebody's help, are
// well again after as many POSTs as they have leads, or as they are seeded
// anew.
func TestHostileCRMs(t *testing.T) {
	bomb() // takes a while to make
	r := newRig(t, setup{environ: append([]string{"LEADHOOK_HTTP_TIMEOUT=2s", "LEADHOOK_HTTP_CONNECT_TIMEOUT=1s"}, quickWheel(t)...)})
	const each = 20
	kinds := hostilities(each)
	healthy := r.many("healthy", 20)
	all := healthy
	var hooks []*hook
	for n, kind := range kinds {
		h := r.hook(fmt.Sprintf("hostile%d", n))
		kind.does(r, h)
		hooks = append(hooks, h)
	}
	all = append(all, hooks...)
	r.allowPorts()
	r.seed(all...)
	i := r.runs(1)[0]
	r.publish(each*len(all), flow, all...)
	r.until(30*time.Second, "the healthy ones have all their leads", func() bool {
		n := 0
		for _, h := range healthy {
			n += r.crm.at(h.path())
		}
		return n >= each*len(healthy)
	})
	r.correct(hooks)
	a := r.settled(3 * time.Minute)
	for n, kind := range kinds {
		got := a.of(hooks[n])
		if hasWheel(t) && kind.want(got) != each {
			r.fails("CRM: %s: %+v", kind.name, *got)
		}
		seen := fmt.Sprintf("%d delivered, %d dead", got.delivered, got.dead)
		r.rowOf("CRM: "+kind.name, got, 0, seen)
	}
	if peak := i.peak(); peak > 150<<20 {
		r.fails("the hostile CRMs made the service take %d MB", peak>>20)
	}
}

// correct seeds the webhooks that need somebody's help with an address that is
// sound.
func (r *rig) correct(hooks []*hook) {
	r.t.Helper()
	for _, h := range hooks {
		if h.broken {
			h.URL = r.crm.url() + h.path()
		}
	}
	r.seed(hooks...)
}

func hostilities(each int64) []hostility {
	// until is a CRM that is well again.
	until := func(b behaviour) func(*rig, *hook) {
		return func(r *rig, h *hook) { r.crm.behave(h.path(), first(each, b, takes)) }
	}
	always := func(b behaviour) func(*rig, *hook) {
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
		{name: "a black hole, then well", does: until(hangs), want: delivered},
		{name: "drips its answer, then well", does: until(drips), want: delivered},
		{name: "answers without end", does: always(endless), want: delivered},
		{name: "answers with a gzip bomb", does: always(bombs), want: delivered},
		{name: "302 to elsewhere", does: always(redirects("http://192.0.2.1/")), want: dead},
		{name: "resets after reading the request, then well", does: until(resets(false)), want: delivered},
		{name: "takes the lead and resets, then well", does: until(resets(true)), want: delivered},
		{name: "garbage instead of HTTP, then well", does: until(garbage), want: delivered},
		{name: "huge headers, then well", does: until(hugeHeaders), want: delivered},
		{name: "certificate expired, corrected by seed", does: elsewhere(func(r *rig) string { return r.crm.secure(r.ca.expired()) }), want: delivered},
		{name: "certificate for another name, corrected by seed", does: elsewhere(func(r *rig) string { return r.crm.secure(r.ca.wrongName()) }), want: delivered},
		{name: "certificate self-signed, corrected by seed", does: elsewhere(func(r *rig) string { return r.crm.secure(r.ca.selfSigned()) }), want: delivered},
		{name: "429 without Retry-After, then well", does: until(later(http.StatusTooManyRequests, "")), want: delivered},
		{name: "429 with Retry-After, then well", does: until(later(http.StatusTooManyRequests, "2")), want: delivered},
		{name: "503 with Retry-After, then well", does: until(later(http.StatusServiceUnavailable, "2")), want: delivered},
		{name: "500, then well", does: until(status(http.StatusInternalServerError)), want: delivered},
		{name: "400", does: always(status(http.StatusBadRequest)), want: dead},
		{name: "410", does: always(status(http.StatusGone)), want: dead},
		{name: "HTTP/2, GOAWAY after each answer", does: secure(goesAway), want: delivered},
		{name: "HTTP/2, resets the stream, then well", does: secure(first(each, streamResets, takes)), want: delivered},
	}
}
