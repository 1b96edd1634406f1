//go:build faults

package faults

import (
	"fmt"
	"net/http"
	"time"
)

// A besieged rig has an isolation going on.
type besieged struct {
	*rig
	*isolation
	crowd, healthy []*hook
	instance       *instance
	began          time.Time
	harmed         bool // the healthy ones were, or the case did not end as it must
}

// besiege seeds the webhooks and starts an instance.
func (c *isolation) besiege(r *rig) *besieged {
	r.t.Helper()
	b := &besieged{rig: r, isolation: c}
	b.healthy = r.spread("healthy", healthyHooks, healthyHooks, healthyHooks)
	b.crowd = r.spread("crowd", c.webhooks, c.hosts, c.advertisers)
	for _, h := range b.crowd {
		h.Rate = c.pace
	}
	r.allowPorts()
	r.seed(append(b.crowd, b.healthy...)...)
	answer(c.does)(b)
	b.instance = r.runs(1)[0]
	return b
}

// spread is n webhooks, dealt out over so many hosts and advertisers.
func (r *rig) spread(name string, n, hosts, advertisers int) (hooks []*hook) {
	r.t.Helper()
	var urls []string
	for range hosts {
		urls = append(urls, r.crm.another())
	}
	for i := range n {
		h := r.hook(fmt.Sprintf("%s%d", name, i+1))
		h.URL = urls[i%hosts] + h.path()
		h.Advertiser = fmt.Sprintf("%s%d-%s", name, i%advertisers+1, r.unique)
		hooks = append(hooks, h)
	}
	return hooks
}

// happens runs the case and adds its row.
func (b *besieged) happens() {
	b.t.Helper()
	b.flow()
	a := b.unharmed()
	seen := fmt.Sprintf("healthy webhooks: p99 %v, at most %v",
		a.p99(b.healthy...).Round(time.Millisecond), a.oldest(b.healthy...).Round(time.Millisecond))
	var end time.Time
	switch {
	case b.demands != nil:
		seen += "; " + b.demands(b)
		a = b.fair()
	case !short && b.tags == "":
		end = time.Now()
		answer(takes)(b)
		a = b.arrived(5 * time.Minute)
	}
	b.tolerates(40*time.Second, nil)
	b.row("isolation: "+b.fault, a, end, seen)
}

// flow publishes the leads and takes the steps.
func (b *besieged) flow() {
	b.t.Helper()
	if b.waiting > 0 {
		b.publish(b.waiting, 0, b.crowd...)
	}
	b.began = time.Now()
	published := b.publishing(b.healthyLeads(), healthyRate, b.healthy...)
	if b.rate > 0 {
		defer b.publishing(int(b.rate*b.lasts.Seconds()), b.rate, b.crowd...)()
	}
	for _, s := range b.steps {
		time.Sleep(time.Until(b.began.Add(s.at)))
		s.does(b)
	}
	published()
}

func (b *besieged) healthyLeads() int { return healthyRate * int(b.lasts.Seconds()) }

// unharmed is an account in which no healthy webhook has waited for long, nor does.
func (b *besieged) unharmed() *account {
	b.t.Helper()
	count := func() (n int) {
		for _, h := range b.healthy {
			n += b.crm.at(h.path())
		}
		return n
	}
	for deadline := time.Now().Add(mostWait); count() < b.healthyLeads() && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	got, a := count(), b.fair()
	if oldest := a.oldest(b.healthy...); oldest > mostWait {
		b.harm("a lead of a healthy webhook waited for %v", oldest.Round(time.Millisecond))
	}
	if want := b.healthyLeads(); got < want {
		b.harm("%v after the last lead the healthy webhooks have %d of %d", mostWait, got, want)
	}
	return a
}

// harm notes what is otherwise than it must be.
func (b *besieged) harm(format string, args ...any) {
	b.harmed = true
	b.fails(format, args...)
}

// answer has the crowd answer like this from now on; nil: as healthy ones do.
func answer(does behaviour) func(*besieged) {
	if does == nil {
		does = takes
	}
	return func(b *besieged) {
		for _, h := range b.crowd {
			b.crm.behave(h.path(), does)
		}
	}
}

// replace starts another instance, and then stops the first.
func (b *besieged) replace() {
	b.t.Helper()
	next := b.run().ready()
	b.flows()
	b.instance.stop()
	b.instance = next
}

// disable disables the crowd's webhooks. All leads must have been read by then: what an
// instance reads later is nobody's, and would count as lost.
func (b *besieged) disable() {
	b.t.Helper()
	for _, h := range b.crowd {
		b.must("", "webhooks", "disable", "--yes", h.ID)
	}
}

// isFreed demands that nothing of what was disabled waits in an instance.
func (b *besieged) isFreed() string {
	b.t.Helper()
	began := time.Now()
	a := b.handled(time.Minute)
	return fmt.Sprintf("nothing waited in the instance %.1f s after; %d were dead letters then, %d still in the retry queue",
		time.Since(began).Seconds(), a.dead, a.scheduled)
}

// isBack demands that a provider that has recovered has most of its rate again.
func (b *besieged) isBack() string {
	b.t.Helper()
	got := b.answered(isBackBy, http.StatusNoContent)
	if got < 0.8*b.rate {
		b.harm("a provider that takes %.0f a second again got %.0f", b.rate, got)
	}
	return fmt.Sprintf("%v after it recovered, the provider got %.0f a second", isBackBy-recovers, got)
}

// isHeeded demands that a host gets what it takes, and little more.
func (b *besieged) isHeeded() string {
	b.t.Helper()
	got, refused := b.answered(b.lasts/2, http.StatusNoContent), b.answered(b.lasts/2, http.StatusTooManyRequests)
	if got < takesEachSecond/2 || refused > takesEachSecond/2 {
		b.harm("a host that takes %d a second got %.1f and had to refuse %.1f", takesEachSecond, got, refused)
	}
	return fmt.Sprintf("after %v, the host got %.1f a second and refused %.1f", b.lasts/2, got, refused)
}

// answered is how often a second the crowd answered so, from some time after the
// beginning to the end of the leads.
func (b *besieged) answered(after time.Duration, status uint16) float64 {
	from, to := b.began.Add(after).UnixMicro(), b.began.Add(b.lasts).UnixMicro()
	n := 0
	for _, h := range b.crowd {
		b.crm.each(h.path(), func(p *post) {
			if p.status == status && p.end >= from && p.end < to {
				n++
			}
		})
	}
	return float64(n) / (b.lasts - after).Seconds()
}
