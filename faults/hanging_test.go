//go:build faults

package faults

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
)

// p99 is how old the leads of some webhooks were when they arrived: 99 of 100
// at most so old.
func (a *account) p99(hooks ...*hook) time.Duration { return a.p99Since(time.Time{}, hooks...) }

// p99Since is that of the leads that were published since then.
func (a *account) p99Since(since time.Time, hooks ...*hook) time.Duration {
	ages := a.ages(since, hooks)
	if len(ages) == 0 {
		return 0
	}
	return ages[(len(ages)-1)*99/100]
}

// oldest is how old the oldest lead of some webhooks was when it arrived.
func (a *account) oldest(hooks ...*hook) time.Duration {
	ages := a.ages(time.Time{}, hooks)
	if len(ages) == 0 {
		return 0
	}
	return ages[len(ages)-1]
}

// ages are how old the leads of some webhooks were when they arrived, the youngest
// first.
func (a *account) ages(since time.Time, hooks []*hook) (ages []time.Duration) {
	for _, f := range a.flights {
		if slices.Contains(hooks, f.pair.hook) && !f.pair.published.Before(since) {
			ages = append(ages, f.delivered.Sub(f.pair.published))
		}
	}
	slices.Sort(ages)
	return ages
}

// throughput is how many leads of some webhooks arrived a second, from the
// first to the last of them.
func (a *account) throughput(hooks ...*hook) float64 {
	var first, last time.Time
	n := 0
	for _, f := range a.flights { // in their order
		if !slices.Contains(hooks, f.pair.hook) {
			continue
		}
		if n++; n == 1 {
			first = f.delivered
		}
		last = f.delivered
	}
	return float64(n) / last.Sub(first).Seconds()
}

// A crowd is 100 webhooks, of which 80 are always healthy.
type crowd struct {
	*rig
	all, healthy []*hook
}

func newCrowd(t *testing.T, tags string) *crowd {
	r := newRig(t, setup{tags: tags})
	all := r.many("crm", 100)
	return &crowd{rig: r, all: all, healthy: all[20:]}
}

// storm has ten of the others hang and ten answer after two seconds.
func (c *crowd) storm() {
	for n, h := range c.all[:20] {
		if n < 10 {
			c.crm.behave(h.path(), hangs)
		} else {
			c.crm.behave(h.path(), slowly(2*time.Second))
		}
	}
}

// calm is what storm is not.
func (c *crowd) calm() {}

// served waits until the healthy ones have all of their leads.
func (c *crowd) served(leads int) *account {
	c.t.Helper()
	want := leads * len(c.healthy) / len(c.all)
	c.until(5*time.Minute, "the healthy ones have their leads", func() bool {
		n := 0
		for _, h := range c.healthy {
			n += c.crm.at(h.path())
		}
		return n >= want
	})
	return c.fair()
}

// full is the throughput of the healthy ones with a backlog of leads for all,
// in that weather.
func (c *crowd) full(leads int, weather func(*crowd)) float64 {
	weather(c)
	c.publish(leads, 0, c.all...)
	i := c.run()
	a := c.served(leads)
	i.kill()
	return a.throughput(c.healthy...)
}

// p99 is the latency of the healthy ones at a rate of leads for all, from the
// moment on when the weather comes. Until then all is well for some seconds: the
// first second of a process and of a topic is slow in any weather, and it is
// more than one of a hundred.
func (c *crowd) p99(rate float64, seconds int, weather func(*crowd)) time.Duration {
	const before = 16 * time.Second // what breaksIn had wait has come back by then
	i := c.runs(1)[0]
	c.breaksIn()
	leads := int(rate) * (seconds + int(before.Seconds())) / len(c.all) * len(c.all)
	published := c.publishing(leads, rate, c.all...)
	time.Sleep(before)
	weather(c)
	came := time.Now()
	published()
	a := c.served(leads)
	i.kill()
	return a.p99Since(came, c.healthy...)
}

// breaksIn has some leads of other webhooks wait in the first retry topic: the
// broker makes the files of a topic's partitions when the first few kilobytes
// are kept there, which takes it half a second of CPU for a dozen.
func (c *crowd) breaksIn() {
	const each = 4 // one fewer than after which a webhook is taken for failing
	first := c.many("first", 100)
	for _, h := range first {
		c.crm.behave(h.path(), refusesFirst(each))
	}
	c.publish(each*len(first), 0, first...)
}

// cost is the CPU time that the whole machine needs for a lead when leads come
// at a rate, whoever publishes them and the servers included.
func (c *crowd) cost(rate float64, seconds int) time.Duration {
	i := c.runs(1)[0]
	leads := int(rate) * seconds / len(c.all) * len(c.all)
	before := busy(c.t)
	c.publish(leads, rate, c.all...)
	c.served(leads)
	used := busy(c.t) - before
	i.kill()
	return used / time.Duration(leads)
}

// busy is how long the CPUs have worked so far, all together: all but idle and
// iowait of the first line of /proc/stat (proc_stat(5)), in hundredths of a second.
func busy(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	const hundredth = int64(10 * time.Millisecond)
	var user, nice, system, idle, iowait, irq, softirq int64
	if _, err := fmt.Sscanf(string(text), "cpu %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &iowait, &irq, &softirq); err != nil {
		t.Fatal(err)
	}
	return time.Duration((user + nice + system + irq + softirq) * hundredth)
}

// What the healthy ones must keep: of their throughput at least, of their p99
// at most; the median of some pairs.
const (
	leastShare = 0.9
	mostRatio  = 1.5
)

// alone measures something with a crowd of its own, whose records are rubbish
// afterwards, and that of earlier ones is gone before: to collect what a dozen
// crowds have seen would take as much CPU as the leads do.
func alone(t *testing.T, what string, measure func(c *crowd)) {
	t.Helper()
	if !t.Run(what, func(t *testing.T) {
		runtime.GC()
		measure(newCrowd(t, ""))
	}) {
		t.FailNow()
	}
}

// TestFullIsolation compares runs in which all CRMs are healthy with runs of the
// same leads in which some are not, in turn, and in the other order in every
// second pair: a machine gets faster or slower meanwhile. Full load is a backlog.
// 60 % load is the rate at which the machine is so busy while all are healthy: more
// is to do for a lead there, since it is published meanwhile, and fetched with few
// others. What that is changes with what else a machine has to do: each pair finds
// it out.
func TestFullIsolation(t *testing.T) {
	const pairs, leads, seconds, load = 5, 150_000, 20, 0.6
	const calm, storm = 0, 1
	weathers, names := [...]func(*crowd){(*crowd).calm, (*crowd).storm}, [...]string{"calm", "storm"}
	alone(t, "before", func(c *crowd) { c.full(leads, weathers[storm]) }) // by then the broker has compiled what it does most
	var shares, ratios, rates []float64
	var seen tally
	order := []int{calm, storm}
	for pair := range pairs {
		name := func(what string) string { return fmt.Sprintf("pair %d: %s", pair+1, what) }
		var full, p99 [2]float64
		var rate float64
		for _, w := range order {
			alone(t, name("full load, "+names[w]), func(c *crowd) { full[w] = c.full(leads, weathers[w]) })
		}
		alone(t, name("rate"), func(c *crowd) { rate = load * float64(runtime.NumCPU()) / c.cost(5000, 10).Seconds() })
		for _, w := range order {
			alone(t, name("p99, "+names[w]), func(c *crowd) {
				p99[w] = c.p99(rate, seconds, weathers[w]).Seconds()
				seen = c.last.tally
			})
		}
		shares, ratios, rates = append(shares, full[storm]/full[calm]), append(ratios, p99[storm]/p99[calm]), append(rates, rate)
		t.Logf("full load: %.0f/s beside %.0f/s; at %.0f/s: p99 %.1f ms beside %.1f ms",
			full[storm], full[calm], rate, 1000*p99[storm], 1000*p99[calm])
		slices.Reverse(order)
	}
	share, ratio := median(shares), median(ratios)
	result := newCrowd(t, "")
	if share < leastShare || ratio > mostRatio {
		result.fails("the healthy ones have %.0f %% of their throughput and %.2f times their p99", 100*share, ratio)
	}
	result.rowOf("isolation: 10 of 100 CRMs hang, 10 answer after 2 s", &seen, 0, fmt.Sprintf(
		"the other 80 have %.0f %% of their throughput at full load and %.2f × their p99 at 60 %%, which is %.0f leads a second (median of %d pairs)",
		100*share, ratio, median(rates), pairs))
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// TestFullOverload has more leads come than a CRM takes. It must be kept busy, and
// its backlog must wait in one place.
func TestFullOverload(t *testing.T) {
	const takesPerSecond, comePerSecond = 10, 200
	r := newRig(t, setup{})
	slow, healthy := r.hook("slow"), r.many("crm", 20)
	r.seed(slow)
	r.crm.behave(slow.path(), queues(takesPerSecond))
	i := r.runs(1)[0]
	lasts := either(5*time.Minute, 30*time.Second)
	began := time.Now()
	published := r.publishing(int(lasts.Seconds())*comePerSecond, comePerSecond, slow)
	r.publish(int(lasts.Seconds())*comePerSecond, comePerSecond, healthy...)
	published()
	time.Sleep(either(time.Minute, 15*time.Second))
	a := r.handled(time.Minute)
	took := float64(r.crm.at(slow.path())) / time.Since(began).Seconds()
	if took < 0.9*takesPerSecond {
		r.fails("a CRM that takes %d a second got %.1f", takesPerSecond, took)
	}
	if p99 := a.p99(healthy...); p99 > time.Second {
		r.fails("the healthy ones waited up to %v (p99)", p99)
	}
	most := 0
	for _, n := range r.chains() {
		most = max(most, n)
	}
	i.stop()
	r.row(fmt.Sprintf("overload: %d leads a second for %v to a CRM that takes %d", comePerSecond, lasts, takesPerSecond), a, time.Time{},
		fmt.Sprintf("it got %.1f a second; %d wait; at most %d retry records for a lead; p99 of the others %v",
			took, a.scheduled, most, a.p99(healthy...).Round(time.Millisecond)))
}

// TestFullBacklog drains a million leads although a tenth of the CRMs is dead.
func TestFullBacklog(t *testing.T) {
	leads := either(1_000_000, 50_000)
	r := newRig(t, setup{})
	hooks := r.many("crm", 900)
	var dead []*hook
	refusing := r.crm.refusing()
	for n := range 100 {
		h := r.hook(fmt.Sprintf("dead%d", n))
		h.URL = refusing + h.path()
		dead = append(dead, h)
	}
	r.allowPorts()
	r.seed(dead...)
	r.publish(leads, 0, append(dead, hooks...)...)
	began := time.Now()
	i := r.runs(1)[0]
	a := r.handled(20 * time.Minute)
	took := time.Since(began)
	peak := i.peak()
	i.stop()
	if peak > 150<<20 {
		r.fails("it took %d MB", peak>>20)
	}
	r.onlyWaits(dead)
	r.row(fmt.Sprintf("backlog: %d leads, 100 of 1,000 CRMs dead", leads), a, time.Time{}, fmt.Sprintf(
		"drained in %.0f s, %.0f a second; at most %d MB of memory; %d leads of dead ones wait",
		took.Seconds(), float64(leads)/took.Seconds(), peak>>20, a.scheduled))
}

// onlyWaits checks that no other webhooks' leads went through the retry queue.
func (r *rig) onlyWaits(hooks []*hook) {
	r.t.Helper()
	dead := map[string]bool{}
	for _, h := range hooks {
		dead[h.ID] = true
	}
	healthy := 0
	for webhook, n := range r.waits() {
		if !dead[webhook] {
			healthy += n
		}
	}
	if healthy > 0 {
		r.fails("%d leads of healthy CRMs went through the retry queue", healthy)
	}
}
