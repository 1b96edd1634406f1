package limiter_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/lead"
)

// An anything is a limiter to which everything happens that may, in any order.
type anything struct {
	*limiter.Limiter

	t        *testing.T
	random   *rand.Rand
	answers  chan *limiter.Ticket
	waiting  map[*limiter.Ticket]bool
	granted  []*limiter.Ticket
	versions [20]int
}

// request is of one of twenty webhooks, which change and move to other hosts.
func (a *anything) request() limiter.Request {
	n := a.random.IntN(len(a.versions))
	if a.random.IntN(50) == 0 {
		a.versions[n]++
	}
	version := max(0, a.versions[n]-a.random.IntN(2)) // somebody may still have the one before
	hook := &lead.Webhook{ID: fmt.Sprint(n), Advertiser: fmt.Sprint(n % 7), Version: fmt.Sprint(version)}
	if n%5 == 0 {
		hook.Rate = []float64{0.001, 0.5, 20, 10_000}[version%4]
	}
	host := fmt.Sprint("https://", (n+version/3)%6)
	return limiter.Request{Webhook: hook, Host: host, Size: a.random.IntN(2000), Returned: a.random.IntN(3) == 0, Retried: a.random.IntN(2) == 0}
}

func (a *anything) ask() {
	ticket := new(limiter.Ticket)
	if a.Ask(a.request(), ticket, a.answers) {
		a.hear(ticket)
	} else {
		a.waiting[ticket] = true
	}
}

// hear takes an answer.
func (a *anything) hear(ticket *limiter.Ticket) {
	delete(a.waiting, ticket)
	notBefore, err := ticket.Answer()
	switch {
	case err == nil && notBefore.IsZero():
		a.granted = append(a.granted, ticket)
	case err == nil && !notBefore.After(time.Now()):
		a.t.Errorf("a delivery is to come again at %v, now it is %v", notBefore, time.Now())
	}
}

func (a *anything) hearAll() {
	for synctest.Wait(); len(a.answers) > 0; {
		a.hear(<-a.answers)
	}
}

// end ends an attempt, somehow.
func (a *anything) end() {
	if len(a.granted) == 0 {
		return
	}
	n := a.random.IntN(len(a.granted))
	ticket := a.granted[n]
	a.granted[n] = a.granted[len(a.granted)-1]
	a.granted = a.granted[:len(a.granted)-1]
	took := time.Duration(a.random.IntN(3000)) * time.Millisecond
	switch a.random.IntN(10) {
	case 0:
		a.Cancel(ticket)
	case 1:
		a.Done(ticket, limiter.Feedback{NoAnswer: true, Took: took})
	case 2:
		a.Done(ticket, limiter.Feedback{Overloaded: true, PauseAsked: a.random.IntN(2) == 0, Pause: time.Second, Took: took})
	case 3:
		a.Done(ticket, limiter.Feedback{Result: limiter.Refused, Took: took})
	case 4:
		a.Done(ticket, limiter.Feedback{Result: limiter.Gone, Took: took})
	default:
		a.Done(ticket, limiter.Feedback{Result: limiter.Accepted, Took: took})
	}
}

// step is one of all that can happen.
func (a *anything) step() {
	switch a.random.IntN(12) {
	case 0, 1, 2, 3, 4:
		a.ask()
	case 5, 6, 7:
		a.end()
	case 8:
		for ticket := range a.waiting {
			if a.Withdraw(ticket) {
				delete(a.waiting, ticket)
			}
			break
		}
	case 9:
		if a.random.IntN(4) == 0 {
			a.Changed(fmt.Sprint(a.random.IntN(7)))
		}
	default:
		time.Sleep(time.Duration(a.random.IntN(900)) * time.Millisecond)
	}
	a.hearAll()
}

// TestNothingIsLeftOver has everything happen in any order, and then looks for what is
// still counted. Whatever waited must have got its answer.
func TestNothingIsLeftOver(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 2))
				var heldBack atomic.Int32
				opts := limiter.Options{
					MaxInFlight: 1 + r.IntN(40), OpenEvents: []int{1, 8, 400}[r.IntN(3)], OpenBytes: []int{1, 10_000, 1 << 20}[r.IntN(3)],
					HostLimits: map[string]limiter.HostLimit{"https://0": {Attempts: 1}, "https://1": {Rate: 0.5}},
					HeldBack: func(_ string, began bool) {
						if heldBack.Add(-1); began {
							heldBack.Add(2)
						}
					},
				}
				a := &anything{Limiter: limiter.New(opts), t: t, random: r, answers: make(chan *limiter.Ticket, 10_000), waiting: map[*limiter.Ticket]bool{}}
				for range 4000 {
					a.step()
				}
				for n := 0; len(a.waiting)+len(a.granted) > 0; n++ {
					if n > 10_000 {
						t.Fatalf("%d still wait, with %d in flight", len(a.waiting), a.InFlight())
					}
					a.end()
					time.Sleep(100 * time.Millisecond)
					a.hearAll()
				}
				time.Sleep(2 * time.Second) // what is looked after is looked at once more
				for _, what := range a.Leftovers() {
					t.Error(what)
				}
				if got := a.Stats().HostsHeldBack; int(heldBack.Load()) != got {
					t.Errorf("HeldBack told of %d hosts, Stats of %d", heldBack.Load(), got)
				}
			})
		})
	}
}
