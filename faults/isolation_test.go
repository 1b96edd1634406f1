//go:build faults

package faults

import (
	"testing"
	"time"
)

// An isolation is webhooks that misbehave beside healthy ones, which must not notice.
type isolation struct {
	fault       string
	webhooks    int
	hosts       int       // that the webhooks are on
	advertisers int       // that they are of
	pace        float64   // that each webhook sets; zero: none
	waiting     int       // leads that wait at the beginning
	rate        float64   // further leads a second; each is for all webhooks of its advertiser
	does        behaviour // how they answer; nil: as healthy ones do
	lasts       time.Duration
	steps       []step
	demands     func(*besieged) (seen string) // what it demands more; nil: the CRMs are well again, and get all leads
	short       bool                          // a short run has it
}

// A step is something that happens some time after the beginning.
type step struct {
	at   time.Duration
	does func(*besieged)
}

// The healthy webhooks, how many leads a second they have together, and how long none
// of these may wait: two rebalances on a busy machine are shorter, and a service without
// a limiter has some wait until a slow attempt ends, which is longer.
const (
	healthyHooks, healthyRate = 20, 100
	mostWait                  = 8 * time.Second
)

// fewAttempts are settings with which some hundred slow attempts are all that an
// instance can make at once.
var fewAttempts = []string{"LEADHOOK_HTTP_MAX_IN_FLIGHT=512", "LEADHOOK_WEBHOOKS_PER_ADVERTISER=200"}

// When a provider becomes slow, when it is well again, and by when it has its rate back.
const slows, recovers, isBackBy = 4 * time.Second, 16 * time.Second, 26 * time.Second

// takesEachSecond is how many leads a host takes that has a limit.
const takesEachSecond = 10

func isolations() []*isolation {
	const usual, long = 20 * time.Second, time.Minute
	soon, late := slowly(100*time.Millisecond), slowly(12*time.Second)
	return []*isolation{{
		fault:    "200 CRMs hang, a lead a second each, and the instance is replaced",
		webhooks: 200, hosts: 200, advertisers: 200, rate: 200, does: hangs, lasts: usual,
		steps: []step{{usual / 2, (*besieged).replace}},
	}, {
		fault:    "1,000 webhooks of a provider hang, a lead in ten seconds each",
		webhooks: 1000, hosts: 1, advertisers: 1000, rate: 100, does: hangs, lasts: usual,
	}, {
		fault:    "an advertiser's 200 webhooks on 200 hosts answer after 12 s, a lead a second each",
		webhooks: 200, hosts: 200, advertisers: 1, rate: 1, does: late, lasts: usual,
	}, {
		fault:    "a provider of 300 advertisers slows from 0.1 s to 12 s and recovers, a lead a second each",
		webhooks: 300, hosts: 1, advertisers: 300, rate: 300, does: soon, lasts: isBackBy + 5*time.Second,
		steps: []step{{slows, answer(late)}, {recovers, answer(soon)}}, demands: (*besieged).isBack,
	}, {
		fault:    "200 CRMs drip their answers, a lead a second each",
		webhooks: 200, hosts: 200, advertisers: 200, rate: 200, does: drips, lasts: either(usual, 12*time.Second), short: true,
	}, {
		fault:    "20,000 leads wait for a webhook with a rate of 0.001, which is then disabled",
		webhooks: 1, hosts: 1, advertisers: 1, pace: 0.001, waiting: 20_000, lasts: usual / 2,
		steps: []step{{usual / 2, (*besieged).disable}}, demands: (*besieged).isFreed,
	}, {
		fault:    "a provider of ten advertisers takes 10 leads a second of 30, and answers 429 to the rest",
		webhooks: 10, hosts: 1, advertisers: 10, rate: 30, does: limited(takesEachSecond), lasts: long,
		demands: (*besieged).isHeeded,
	}}
}

// TestIsolation has webhooks misbehave that are many, are of one provider or of one
// advertiser. No lead may be lost, and healthy webhooks must not wait.
func TestIsolation(t *testing.T) { eachIsolation(t, "", (*besieged).happens) }

// eachIsolation has a function see each case that this run has, of a service with build
// tags.
func eachIsolation(t *testing.T, tags string, see func(*besieged)) {
	t.Helper()
	for _, c := range isolations() {
		if short && !c.short {
			continue
		}
		t.Run(c.fault, func(t *testing.T) { see(c.besiege(newRig(t, setup{tags: tags, environ: fewAttempts}))) })
	}
}
