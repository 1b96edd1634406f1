package limiter_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/lead"
)

// A place is a webhook in the world of a test.
type place struct {
	hook    lead.Webhook
	host    string
	answers func(r *rand.Rand) (limiter.Feedback, time.Duration)
	prompt  bool // it has answered, and never slowly
	slow    bool // it was slow once
	failed  int  // attempts in a row
}

// A trip is a delivery, and its attempt if that has begun.
type trip struct {
	*place

	ticket   limiter.Ticket
	began    time.Time
	feedback limiter.Feedback
	prompt   bool // it was surely begun for what is prompt
}

func (tr *trip) end() time.Time { return tr.began.Add(tr.feedback.Took) }

func (tr *trip) old(now time.Time) bool { return now.Sub(tr.began) >= time.Second }

// grace is how late the limiter may notice that an attempt became old.
const grace = time.Millisecond

// A world asks a limiter for attempts and checks those that begin against a plain model
// of who may: the limiter's own ideas are not asked. It makes one step at a time, and
// looks at what began in it.
type world struct {
	*limiter.Limiter

	t      *testing.T
	random *rand.Rand
	opts   limiter.Options
	places []*place

	answers chan *limiter.Ticket

	mu      sync.Mutex
	of      map[*limiter.Ticket]*trip // of what waits; guarded by mu, and all below
	open    int                       // deliveries without an end
	began   []*trip                   // in this step
	trips   []*trip                   // in flight before it
	waiting map[*place]int
	lastOld map[string]time.Time // when an attempt at a host became old
	prompt  map[string]time.Time // when one was last answered promptly
	refused map[string]bool      // some were too much for it, so that it may have a rate
	peaks   []peak               // of what was prompt, in the last seconds
}

// A peak is how many attempts in flight were not old at one moment.
type peak struct {
	at    time.Time
	young int
}

// The parts of all attempts that a few may use only, that one of them may have, and that
// must be free for a probe.
const reserve, partOfIt, probeFree = 8, 64, 32

// The part of all attempts that what is not prompt always gets, and that is kept for
// probes.
const few, probes = 8, 16

// ask is a step in which a delivery asks for an attempt.
func (w *world) ask(p *place, returned bool) {
	tr := &trip{place: p}
	r := limiter.Request{Webhook: &p.hook, Host: p.host, Size: 100, Returned: returned}
	w.mu.Lock()
	w.open++
	w.waiting[p]++
	w.of[&tr.ticket] = tr
	w.mu.Unlock()
	if w.Ask(r, &tr.ticket, w.answers) {
		w.answers <- &tr.ticket
	}
	w.check()
}

// hear takes the answers to what asked as they come.
func (w *world) hear() {
	for ticket := range w.answers {
		w.mu.Lock()
		tr := w.of[ticket]
		delete(w.of, ticket)
		w.waiting[tr.place]--
		switch notBefore, err := ticket.Answer(); {
		case err != nil:
			w.t.Error(err)
		case notBefore.IsZero():
			tr.began = time.Now()
			w.began = append(w.began, tr)
		case !notBefore.After(time.Now()):
			w.t.Errorf("%s is to come again at %v", tr.hook.ID, notBefore)
		default:
			w.open--
		}
		w.mu.Unlock()
	}
}

// run lets so much time pass; each end of an attempt is a step.
func (w *world) run(d time.Duration) {
	for until := time.Now().Add(d); ; {
		next := until
		var first *trip
		for _, tr := range w.trips {
			if tr.end().Before(next) {
				first, next = tr, tr.end()
			}
		}
		time.Sleep(time.Until(next))
		w.check() // what was deferred, or began when an attempt became old
		if first == nil {
			return
		}
		w.mu.Lock()
		w.trips = slices.DeleteFunc(w.trips, func(tr *trip) bool { return tr == first })
		w.open--
		w.refused[first.host] = w.refused[first.host] || first.feedback.Overloaded
		first.slow = first.slow || first.old(time.Now())
		first.prompt = !first.slow
		if first.failed++; first.feedback.Result == limiter.Accepted {
			first.failed = 0
		}
		switch now := time.Now(); {
		case first.old(now):
			w.lastOld[first.host] = latest(w.lastOld[first.host], first.began.Add(time.Second))
		case first.feedback.Result == limiter.Accepted:
			w.prompt[first.host] = now
		}
		w.mu.Unlock()
		w.Done(&first.ticket, first.feedback)
		w.check()
	}
}

func (w *world) unsettled() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// on counts the attempts at a host that were in flight before this step, and those that
// are old.
func (w *world) on(host string) (held, old int) {
	for _, tr := range w.trips {
		if tr.host == host {
			held++
			if tr.old(time.Now().Add(-grace)) {
				old++
				w.lastOld[host] = latest(w.lastOld[host], tr.began.Add(time.Second))
			}
		}
	}
	return held, old
}

// steady reports whether a host has answered promptly, always and lately.
func (w *world) steady(host string) bool {
	now := time.Now()
	held, old := w.on(host)
	return old == 0 && held < max(1, w.opts.MaxInFlight/partOfIt) &&
		now.Sub(w.prompt[host]) <= time.Minute && now.Sub(w.lastOld[host]) > 15*time.Second
}

// probes reports whether an attempt that began may be one that asks whether a host is
// back of which all attempts are old.
func (w *world) probes(host string, free int) bool {
	held, young := 0, 0
	for _, tr := range w.trips {
		if tr.host == host {
			held++
			if !tr.old(time.Now()) {
				young++
			}
		}
	}
	return held > 0 && young == 0 && free > w.opts.MaxInFlight/probeFree
}

// tries reports whether an attempt that began may be one that tries whether a webhook is
// back that has failed.
func (w *world) tries(p *place, free int) bool {
	_, old := w.on(p.host)
	return p.failed >= 5 && old == 0 && free > w.opts.MaxInFlight/probeFree
}

// check ends a step.
func (w *world) check() {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.t.Failed() {
		w.begin()
		return
	}
	most := w.opts.MaxInFlight
	free, steady := most-len(w.trips)-len(w.began), 0
	for _, tr := range w.began {
		if w.steady(tr.host) || w.probes(tr.host, free+len(w.began)) || w.tries(tr.place, free+len(w.began)) {
			steady++
		}
	}
	if others := len(w.began) - steady; others > 0 && free+steady+1 <= most/reserve {
		w.t.Errorf("%d began of what is not steady, with %d of %d free afterwards", others, free, most)
	}
	w.begin()
	if got := w.InFlight(); got != most-free || free < 0 {
		w.t.Errorf("the limiter counts %d attempts of %d, want %d", got, most, most-free)
	}
	w.checkWaiting(free)
}

// begin has the attempts that were granted in this step begin.
func (w *world) begin() {
	for _, tr := range w.began {
		tr.feedback, tr.feedback.Took = tr.answers(w.random)
		tr.prompt = w.surelyPrompt(tr.place)
	}
	w.trips = append(w.trips, w.began...)
	w.began = nil
}

// surelyPrompt reports whether a place and all of its host have never been slow.
func (w *world) surelyPrompt(p *place) bool { return p.prompt && w.lastOld[p.host].IsZero() }

// slowAtMost is how many attempts in flight may count as not prompt.
func (w *world) slowAtMost() (n int) {
	for _, tr := range w.trips {
		if !tr.prompt || tr.old(time.Now().Add(grace)) {
			n++
		}
	}
	return n
}

// lately returns the peak of the last seconds.
func (w *world) lately() (most int) {
	now, young := time.Now(), 0
	for _, tr := range w.trips {
		if !tr.old(now) {
			young++
		}
	}
	w.peaks = slices.DeleteFunc(append(w.peaks, peak{now, young}), func(p peak) bool { return now.Sub(p.at) > 4*time.Second })
	for _, p := range w.peaks {
		most = max(most, p.young)
	}
	return most
}

// checkWaiting looks for who waits although there is a place.
func (w *world) checkWaiting(free int) {
	w.t.Helper()
	most, lately, slow := w.opts.MaxInFlight, w.lately(), w.slowAtMost()
	for p, n := range w.waiting {
		if n == 0 || p.hook.Rate > 0 || w.refused[p.host] {
			continue
		}
		held, _ := w.on(p.host)
		may := w.surelyPrompt(p) || slow < most/few || free > most/reserve+most/probes+lately
		if free > most/reserve && held == 0 && may {
			w.t.Errorf("%s waits with %d of %d free, and nothing in flight to its host", p.hook.ID, free, most)
		}
		if free > 0 && held == 0 && w.surelyPrompt(p) && w.steady(p.host) {
			w.t.Errorf("%s waits with %d of %d free, although its host is prompt", p.hook.ID, free, most)
		}
	}
}

// kinds of CRMs.
var crms = []func(r *rand.Rand) (limiter.Feedback, time.Duration){
	func(r *rand.Rand) (limiter.Feedback, time.Duration) { // prompt
		return limiter.Feedback{Result: limiter.Accepted}, 5*time.Millisecond + time.Duration(r.IntN(90_000_001))
	},
	func(r *rand.Rand) (limiter.Feedback, time.Duration) { // slow
		return limiter.Feedback{Result: limiter.Accepted}, 1500*time.Millisecond + time.Duration(r.IntN(1_000_000_001))
	},
	func(*rand.Rand) (limiter.Feedback, time.Duration) { // hangs
		return limiter.Feedback{NoAnswer: true}, 15*time.Second + 17
	},
	func(r *rand.Rand) (limiter.Feedback, time.Duration) { // at times
		if r.IntN(10) == 0 {
			return limiter.Feedback{NoAnswer: true}, 15*time.Second + 19
		}
		return limiter.Feedback{Result: limiter.Accepted}, 30*time.Millisecond + time.Duration(r.IntN(9_000_001))
	},
	func(r *rand.Rand) (limiter.Feedback, time.Duration) { // too much for it
		return limiter.Feedback{Overloaded: true}, 20*time.Millisecond + time.Duration(r.IntN(9_000_001))
	},
	func(r *rand.Rand) (limiter.Feedback, time.Duration) { // fails
		return limiter.Feedback{}, 10*time.Millisecond + time.Duration(r.IntN(9_000_001))
	},
}

func newWorld(t *testing.T, opts limiter.Options, r *rand.Rand) *world {
	w := &world{
		Limiter: limiter.New(opts), t: t, opts: opts, random: r,
		answers: make(chan *limiter.Ticket, 2*opts.OpenEvents), of: map[*limiter.Ticket]*trip{},
		waiting: map[*place]int{}, lastOld: map[string]time.Time{}, prompt: map[string]time.Time{}, refused: map[string]bool{},
	}
	for n := range 8 + r.IntN(60) {
		p := &place{
			hook: lead.Webhook{ID: fmt.Sprint("w", n), Advertiser: fmt.Sprint("a", r.IntN(20))},
			host: fmt.Sprint("https://h", r.IntN(30)), answers: crms[r.IntN(len(crms))],
		}
		if r.IntN(8) == 0 {
			p.hook.Rate = 0.1 + 20*r.Float64()
		}
		w.places = append(w.places, p)
	}
	return w
}

// TestNobodyHasMoreThanItsPart has random leads for random CRMs, and compares each step
// with a plain model of shares.
func TestNobodyHasMoreThanItsPart(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				opts := limiter.Options{MaxInFlight: 8 << r.IntN(6), OpenBytes: 64 << 20}
				opts.OpenEvents = 4 * opts.MaxInFlight
				w := newWorld(t, opts, r)
				go w.hear()
				defer close(w.answers)
				for range 2000 {
					for w.unsettled() >= opts.OpenEvents { // as the consumer bounds what is open
						w.run(time.Second / 4)
					}
					w.ask(w.places[r.IntN(len(w.places))], r.IntN(4) == 0)
					if r.IntN(3) == 0 {
						w.run(time.Duration(r.IntN(20_000_003)))
					}
					if t.Failed() {
						break
					}
				}
				for w.unsettled() > 0 {
					w.run(time.Second)
				}
				if got := w.Stats(); got.Prompt != 0 || got.Slow != 0 || got.Old != 0 || got.Free != opts.MaxInFlight {
					t.Errorf("got %+v when all has ended", got)
				}
			})
		})
	}
}
