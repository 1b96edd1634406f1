package main

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leadhook/leadhook/internal/samplecrm"
)

// slowly is a CRM that takes a while to answer.
func slowly(d time.Duration) func(samplecrm.Post) samplecrm.Answer {
	return func(samplecrm.Post) samplecrm.Answer { return samplecrm.Answer{After: d} }
}

// taken is how many different deliveries the CRM has taken.
func (r *rig) taken() int {
	n := 0
	for _, count := range r.crm.Counts() {
		n += min(1, count.Taken)
	}
	return n
}

// These two stop the service twice in the middle of thousands of leads. An
// attempt is never cut by a stop: what is under way is done and committed.

func TestAnOrderlyStopRepeatsNoAttempt(t *testing.T) {
	t.Parallel()
	stopTwice(t, "LEADHOOK_CONSUMER_OPEN_EVENTS=200") // all that is open is being attempted
}

// What only waits for its turn at a stop is read again by the next instance,
// and with it what lies behind it in its partition: of that, the ledger knows
// what was delivered.
//
// It runs alone, and not with the race detector (QUICK in the Makefile): three
// thousand look-ups at once then take longer than the ledger may (it fails open,
// and leads come twice).
func TestAnOrderlyStopWithLeadsThatWaitRepeatsNone(t *testing.T) {
	stopTwice(t, "LEADHOOK_CONSUMER_OPEN_EVENTS=10000")
}

func stopTwice(t *testing.T, environ string) {
	t.Helper()
	r := newRig(t, setup{answer: slowly(200 * time.Millisecond), environ: []string{"LEADHOOK_HTTP_MAX_IN_FLIGHT=200", environ}})
	const leads, advertisers = 3000, 60 // no webhook has more than its share of all attempts
	r.seed(r.spread(advertisers)...)
	r.must("", r.publishSpread(leads, advertisers)...)
	var all []*instance
	for range 2 {
		goal := r.taken() + 300
		i := r.run()
		all = append(all, i)
		r.until("leads flow", func() bool { return r.taken() >= goal })
		began := time.Now()
		i.stop()
		t.Logf("stopped within %v at %d of %d", time.Since(began).Round(time.Millisecond), r.taken(), leads)
		if r.lag() == 0 {
			t.Fatal("everything was done before the stop")
		}
	}
	all = append(all, r.run())
	got := r.settled()
	if want := (account{events: leads, wanted: leads, taken: leads, twice: got.twice}); got != want {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	noneTwice(t, got, all...)
}

// noneTwice fails the test if leads came twice, unless an instance says that the ledger did
// not answer it in time: a machine that is busy enough makes it fail open.
func noneTwice(t *testing.T, a account, all ...*instance) {
	t.Helper()
	switch failedOpen := slices.ContainsFunc(all, func(i *instance) bool {
		return i.log.lines("cannot read the ledger from Redis") > 0
	}); {
	case a.twice > 0 && !failedOpen:
		t.Errorf("%d of %d leads came twice, want none", a.twice, a.events)
	case failedOpen:
		t.Log("the ledger did not answer in time")
	}
}

func TestASecondSignalEndsItAtOnce(t *testing.T) {
	t.Parallel()
	crm := &answers{}
	r := newRig(t, setup{answer: crm.answer})
	advertiser := r.name("USA_1")
	h := r.hook("hangs", advertiser)
	r.seed(h)
	crm.on(h, samplecrm.Answer{Never: true}, samplecrm.Answer{})
	r.publish(calls(advertiser, 1, 1)...)
	i := r.spawn("LEADHOOK_HTTP_TIMEOUT=1m")
	r.until("an attempt hangs", func() bool { return len(r.crm.Posts()) == 1 })
	i.signal(syscall.SIGTERM)
	i.says("stopping; ")
	r.until("the second signal ends it", func() bool {
		i.signal(os.Interrupt)
		select {
		case <-i.ended:
			return true
		default:
			return false
		}
	})
	if i.code != -1 {
		t.Errorf("got exit code %d, want it ended by the signal:\n%s", i.code, i.tail())
	}
	r.spawn()
	if got, want := r.settled(), (account{events: 1, wanted: 1, taken: 1, failed: 1}); got != want {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestAProcessEndsWithExitCodeZeroOnSIGTERM(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	advertiser := r.name("USA_1")
	r.seed(r.hook("all", advertiser))
	i := r.spawn().ready()
	r.publish(calls(advertiser, 1, 10)...)
	r.exactly(10)
	i.stop()
	if !strings.Contains(i.log.String(), `"stopped"`) {
		t.Errorf("it does not say that it stopped:\n%s", i.tail())
	}
}

// TestInstancesComeAndGoWhileLeadsFlow has a second instance join and leave.
// A rebalance waits a second for attempts to end, so those of a CRM that
// answers in time are made once. What takes longer comes twice: the next owner
// makes it again.
func TestInstancesComeAndGoWhileLeadsFlow(t *testing.T) {
	t.Parallel()
	const leads, advertisers = 10_000, 50
	r := newRig(t, setup{answer: slowly(10 * time.Millisecond), partitions: 6})
	r.seed(r.spread(advertisers)...)
	first := r.run().ready()
	published := make(chan result, 1)
	go func() {
		published <- r.leadhook("", r.publishSpread(leads, advertisers, "--rate", "2500")...)
	}()
	r.until("leads flow", func() bool { return r.taken() > leads/10 })
	second := r.run().ready()
	before := r.taken()
	r.until("both deliver", func() bool { return r.taken() > before+leads/10 && generations(t, second) > 0 })
	first.stop()
	third := r.run().ready()
	r.until("the leads go on", func() bool { return r.taken() > leads*8/10 })
	third.stop()
	if got := <-published; got.code != exitDone {
		t.Fatalf("publish: exit code %d\n%s", got.code, got.errs)
	}
	a := r.settled()
	if a.events != leads || a.wanted != leads || a.lost != 0 || a.dead != 0 || a.unwanted != 0 {
		t.Errorf("got %v, want %d leads and none lost", a, leads)
	}
	noneTwice(t, a, first, second, third)
}

// generations says how often an instance was given partitions to read.
func generations(t *testing.T, i *instance) int {
	t.Helper()
	return i.log.lines(`"msg":"partitions assigned; reading"`)
}

// spread are webhooks of advertisers in the manner of publish --spread.
func (r *rig) spread(advertisers int) []hook {
	var hooks []hook
	for n := range advertisers {
		advertiser := r.spreadAdvertiser(n + 1)
		hooks = append(hooks, r.hook(advertiser, advertiser))
	}
	return hooks
}
