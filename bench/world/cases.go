package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/leadhook/leadhook/bench/crm"
)

// The times of a run.
const (
	usual   = 20 * time.Second
	long    = 60 * time.Second // for what shows only after several attempts have timed out
	brief   = 6 * time.Second  // in a short run
	warm    = 4 * time.Second  // does not count, unless a case says otherwise
	settled = 30 * time.Second // by then what a CRM takes is known
)

// allCases returns every case. Those that a short run has take less time there.
func allCases(short bool) []*group {
	lasts, backlog := usual, 1_200_000
	if short {
		lasts, backlog = brief, 60_000
	}
	return []*group{
		waitingForSlow(backlog, lasts),
		besideSlow(),
		besideCrowds(lasts),
		besideLargeCrowd(),
		tlsHosts(backlog/4, lasts),
		slowAlone(),
		slowBesideHanging(),
		takesTen(),
		millionWebhooks(),
		providerHasMost(),
		coldTLS(),
		plainCost(),
	}
}

// add adds a situation, which lasts and is measured as the calm one unless it says
// otherwise.
func (g *group) add(c situation) {
	if c.lasts == 0 {
		calm := g.calm()
		c.warm, c.lasts, c.instances, c.replaces = calm.warm, calm.lasts, calm.instances, calm.replaces
	}
	g.cases = append(g.cases, &c)
}

// slowShare is 1,000 webhooks, of which 100 answer late or never.
func slowShare(name string) *group {
	return &group{name: name, sets: []*set{{name: "others", webhooks: 900, share: 9}, {name: "slow", webhooks: 100, share: 1}}}
}

// slowTimes are in what time the slow ones answer; zero means never.
var slowTimes = []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 12 * time.Second, 0}

// slowness returns how they answer, and its name.
func slowness(d time.Duration) (string, crm.Answer) {
	if d == 0 {
		return "a tenth hangs", crm.Hangs
	}
	return fmt.Sprintf("a tenth answers in %v", d), crm.After(d)
}

// keepsUp is what the others are to have then, and those that are not too slow.
func keepsUp(d time.Duration) []figure {
	figures := []figure{rateOf("others", timesCalm(0.95, true))}
	if d == 2*time.Second {
		figures = append(figures, rateOf("slow", atLeast(1000)))
	}
	return figures
}

// waitingForSlow counts a minute of what times out for as much as three runs.
func waitingForSlow(backlog int, lasts time.Duration) *group {
	g := slowShare("a backlog for 1,000 CRMs")
	g.leads = backlog
	g.add(situation{name: "calm", warm: lasts / 5, lasts: lasts, tellsCapacity: true})
	for _, d := range slowTimes {
		name, answer := slowness(d)
		c := situation{name: name, short: d == 2*time.Second, figures: keepsUp(d), changes: []change{answers("slow", answer)}}
		if d == 0 || d > 10*time.Second {
			c.warm, c.lasts, c.once = warm, long, true
		}
		g.add(c)
	}
	return g
}

func besideSlow() *group {
	g := slowShare("70 % load for 1,000 CRMs")
	g.load = true
	g.add(situation{name: "calm", warm: warm, lasts: usual})
	for _, d := range slowTimes {
		name, answer := slowness(d)
		g.add(situation{name: name, figures: append(keepsUp(d), p99Of("others", nil)), changes: []change{answers("slow", answer)}})
	}
	return g
}

// others are healthy webhooks beside a crowd, which must not notice it.
func others() *set { return &set{name: "others", webhooks: 20, share: 100} }

// unharmed is what they are to have then.
func unharmed() []figure {
	return []figure{p99UndisturbedOf("others", nearCalm()), gapOf("others", atMost(1000))}
}

// unharmedByReplacing is what they are to have if an instance is replaced as well.
func unharmedByReplacing() []figure { return append(unharmed(), p99Of("others", nearCalm())) }

// besideCrowds has healthy webhooks beside several crowds, of which another one
// misbehaves in each case: so, one run that is calm is enough for all. In the middle,
// one of two instances is replaced.
func besideCrowds(lasts time.Duration) *group {
	const slows, recovers, share = 4 * time.Second, 14 * time.Second, 300
	const leastRate = 0.001 // that a webhook may have
	usually, late := crm.After(100*time.Millisecond), crm.After(12*time.Second)
	g := &group{name: "100/s for 20 CRMs", sets: []*set{others(),
		{name: "crowd", webhooks: 1000, hosts: 1, share: 100},
		{name: "many", webhooks: 1000, share: 100},
		{name: "advertiser", webhooks: 200, advertisers: 1, share: 1},
		{name: "provider", webhooks: 300, hosts: 1, share: share, calm: usually},
		{name: "limited", webhooks: 10, hosts: 1, share: 30},
		{name: "apart", webhooks: 200, share: 200},
		{name: "paced", webhooks: 1, share: 200},
	}}
	g.add(situation{name: "calm", warm: time.Second, lasts: lasts, instances: 2, replaces: true})
	beside := func(name, set string, a crm.Answer) {
		g.add(situation{name: "beside " + name, short: set == "crowd", figures: unharmedByReplacing(), changes: []change{answers(set, a)}})
	}
	beside("1,000 webhooks of one host that hang, 0.1/s each", "crowd", crm.Hangs)
	beside("1,000 hosts that hang, 0.1/s each", "many", crm.Hangs)
	beside("200 hosts that hang, 1/s each", "apart", crm.Hangs)
	beside("one advertiser's 200 hosts that drip, 1/s each", "advertiser", crm.Drips)
	beside("one advertiser's 200 hosts that answer in 12 s, 1/s each", "advertiser", late)
	g.add(situation{name: "beside 300 advertisers of a provider that drips, 1/s each", once: true,
		figures: unharmedByReplacing(), changes: []change{answers("provider", crm.Drips)}})
	g.add(situation{name: fmt.Sprintf("beside a webhook with a rate of %g that gets 200/s", leastRate), once: true,
		figures: unharmedByReplacing(), rates: map[string]float64{"paced": leastRate}})
	g.add(situation{name: "beside 300 advertisers of a provider that slows from 0.1 to 12 s for 10 s, 1/s each",
		warm: time.Second, lasts: recovers + 12*time.Second, instances: 2,
		figures: append(unharmed(), backOf("provider", recovers, share, atMost(10))),
		changes: []change{answersFrom(slows, "provider", late), answersFrom(recovers, "provider", usually)}})
	g.add(situation{name: "beside ten advertisers of a host that takes 10/s and answers 429 else, 3/s each", once: true,
		warm: long, lasts: long + usual, changes: []change{answers("limited", crm.Limited(10))},
		figures: append(unharmed(), rateOf("limited", atLeast(8)), rateOf("limited", atMost(11)), refusedOf("limited", atMost(1)))})
	return g
}

// providerHasMost holds the limiter beside none at all.
func providerHasMost() *group {
	g := &group{name: "a provider with 80 % of a backlog", leads: 500_000, sets: []*set{
		{name: "provider", webhooks: 300, hosts: 1, share: 8}, {name: "others", webhooks: 900, share: 2}}}
	g.add(situation{name: "without a limiter", warm: warm, lasts: usual, tags: withoutIsolation})
	g.add(situation{name: "with it", figures: []figure{rateOf("provider", timesCalm(0.95, true))}})
	return g
}

// tlsHosts is the world as it is: each webhook has a host of its own, which takes
// its time.
func tlsHosts(backlog int, lasts time.Duration) *group {
	median := crm.LogNormal(300 * time.Millisecond)
	of := func(name string, hosts int) *set {
		return &set{name: name, webhooks: hosts, share: float64(hosts), tls: true, http2: name == "modern", calm: median}
	}
	g := &group{name: "a backlog for 1,000 TLS hosts, log-normal around 300 ms", leads: backlog, sets: []*set{
		of("others", 650), of("modern", 100), of("hang", 50), of("drip", 50), of("fail", 50), of("refuse", 50), of("close", 50)}}
	all := figure{name: "all, a second", of: func(r *result) float64 {
		sum := 0.0
		for _, s := range r.sets {
			sum += s.rate
		}
		return sum
	}, want: atLeast(4000)}
	g.add(situation{name: "calm", short: true, warm: lasts / 5, lasts: lasts, figures: []figure{all, memory(atMost(300))}})
	g.add(situation{name: "a tenth are black holes", figures: []figure{rateOf("others", timesCalm(0.9, true)), memory(atMost(300))},
		changes: []change{vanishes("hang"), vanishes("drip")}})
	g.add(situation{name: "a twentieth each hang, drip, fail, answer 429, close without saying so", short: true, once: true,
		figures: []figure{rateOf("others", timesCalm(0.9, true)), memory(atMost(300))},
		changes: []change{answers("hang", crm.Hangs), answers("drip", crm.Drips), answers("fail", crm.Status(http.StatusInternalServerError)),
			answers("refuse", crm.Limited(100)), answers("close", crm.Closes)}})
	return g
}

// coldTLS has each lead need a connection of its own. The service resumes sessions
// and the loop does not, so that the bound has room.
func coldTLS() *group {
	g := besideBare("leads that need a TLS connection each", 8000,
		&set{name: "cold", webhooks: 100, share: 1, tls: true, calm: crm.SaysClose}, 1.1)
	g.cases[1].once = true
	return g
}

func plainCost() *group {
	return besideBare("leads without TLS", 150_000, &set{name: "plain", webhooks: 1000, hosts: 1, share: 1}, 1.4)
}

// besideBare holds what a lead costs beside a loop that makes the same POSTs.
func besideBare(name string, leads int, s *set, most float64) *group {
	g := &group{name: "cost of " + name, leads: leads, sets: []*set{s}}
	g.add(situation{name: "a bare loop of 64 POSTs", lasts: usual, bare: true})
	g.add(situation{name: "the service", lasts: usual, figures: []figure{cpu(timesCalm(most, false))}})
	return g
}

// besideLargeCrowd is apart, since its leads alone keep the machine busy.
func besideLargeCrowd() *group {
	g := &group{name: "100/s for 20 CRMs", sets: []*set{others(), {name: "crowd", webhooks: 10_000, hosts: 1, share: 1000}}}
	g.add(situation{name: "calm beside 10,000 webhooks of one host, 0.1/s each", warm: time.Second, lasts: usual, instances: 2, replaces: true})
	g.add(situation{name: "beside 10,000 webhooks of one host that hang, 0.1/s each",
		figures: unharmedByReplacing(), changes: []change{answers("crowd", crm.Hangs)}})
	return g
}

func slowAlone() *group {
	g := &group{name: "a backlog for a provider that answers in 2 s", leads: 150_000,
		sets: []*set{{name: "provider", webhooks: 300, hosts: 1, share: 1, calm: crm.After(2 * time.Second)}}}
	g.add(situation{name: "alone", once: true, warm: settled, lasts: settled + usual, figures: []figure{rateOf("provider", ofSlots(0.8, 2*time.Second))}})
	return g
}

func slowBesideHanging() *group {
	g := &group{name: "100/s for a provider that answers in 2 s", sets: []*set{
		{name: "provider", webhooks: 300, hosts: 1, share: 100, calm: crm.After(2 * time.Second)},
		{name: "crowd", webhooks: 10_000, hosts: 1, share: 1000}}}
	g.add(situation{name: "beside 10,000 webhooks of another that hang", once: true, warm: settled, lasts: settled + usual,
		figures: []figure{rateOf("provider", atLeast(95))}, changes: []change{answers("crowd", crm.Hangs)}})
	return g
}

func takesTen() *group {
	g := &group{name: "200/s for a CRM that takes ten", sets: []*set{{name: "busy", webhooks: 1, share: 200}}}
	g.add(situation{name: "alone", once: true, warm: 2 * warm, lasts: 2 * usual, changes: []change{answers("busy", crm.Queues(10))},
		figures: []figure{rateOf("busy", atLeast(9.5)), waits()}})
	return g
}

func millionWebhooks() *group {
	g := &group{name: "a million webhooks", leads: 1_000_000, sets: []*set{{name: "crowd", webhooks: 1_000_000, hosts: 1000, share: 1}}}
	g.add(situation{name: "one lead each", once: true, lasts: 3 * time.Minute, figures: []figure{rateOf("crowd", nil), memory(atMost(300))}})
	return g
}
