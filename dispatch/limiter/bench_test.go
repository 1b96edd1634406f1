package limiter_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/lead"
)

// A line is deliveries that wait for attempts: one for each of so many webhooks of
// hosts that have ten each.
type line struct {
	*limiter.Limiter

	hooks   []lead.Webhook
	tickets []limiter.Ticket
	granted chan *limiter.Ticket
	of      map[*limiter.Ticket]*lead.Webhook
}

func newLine(b *testing.B, webhooks int) *line {
	const attempts = 8
	l := &line{
		Limiter: limiter.New(limiter.Options{MaxInFlight: attempts, OpenEvents: 100 * webhooks, OpenBytes: 1 << 40}),
		hooks:   make([]lead.Webhook, webhooks+attempts), tickets: make([]limiter.Ticket, webhooks+attempts),
		granted: make(chan *limiter.Ticket, webhooks+attempts), of: map[*limiter.Ticket]*lead.Webhook{},
	}
	for n := range l.hooks {
		l.hooks[n] = lead.Webhook{ID: fmt.Sprint(n), Advertiser: fmt.Sprint(n / 3)}
		l.of[&l.tickets[n]] = &l.hooks[n]
		l.ask(&l.tickets[n])
	}
	if waiting := webhooks + attempts - l.InFlight(); waiting < webhooks {
		b.Fatalf("got %d waiting, want %d", waiting, webhooks)
	}
	return l
}

func (l *line) ask(t *limiter.Ticket) {
	hook := l.of[t]
	if l.Ask(limiter.Request{Webhook: hook, Host: "https://" + hook.Advertiser[:len(hook.Advertiser)/2+1], Size: 1000}, t, l.granted) {
		l.granted <- t
	}
}

// BenchmarkDecision measures one attempt: that it ends, that another begins, and that
// the next delivery waits. It must not depend on how many wait.
func BenchmarkDecision(b *testing.B) {
	for _, webhooks := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprint(webhooks), func(b *testing.B) {
			l := newLine(b, webhooks)
			for b.Loop() {
				t := <-l.granted
				if notBefore, err := t.Answer(); err != nil || !notBefore.IsZero() {
					b.Fatalf("got %v, %v", notBefore, err)
				}
				l.Done(t, limiter.Feedback{Result: limiter.Accepted, Took: time.Millisecond})
				l.ask(t)
			}
		})
	}
}
