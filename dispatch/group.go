package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/leadhook/leadhook/dispatch/limiter"
)

// A group is the deliveries of one event to several webhooks. They wait for their
// turns in the goroutine of the event: all but a few may have to wait for long, and a
// goroutine for each would be most of what they cost. A delivery gets a goroutine of
// its own when its ticket has an answer, for what follows from that.
type group struct {
	d       *Dispatcher
	waiting map[*limiter.Ticket]*delivery // for the answers to their tickets
	answers chan *limiter.Ticket          // has room for all
	steps   chan step                     // has room for all
	open    int                           // deliveries that have not ended
}

// A step is what one delivery of a group has come to: its end, or asking again.
type step struct {
	dl   *delivery
	asks bool  // it must ask for its ticket again
	err  error // with which it ended
}

// deliverGroup makes deliveries of one event side by side, so that a slow CRM delays
// none of the others, and returns when all have ended. It calls started with the number
// of those that have not.
func (d *Dispatcher) deliverGroup(ctx context.Context, deliveries []*delivery, started func(int)) error {
	n := len(deliveries)
	g := &group{
		d: d, waiting: make(map[*limiter.Ticket]*delivery, n),
		answers: make(chan *limiter.Ticket, n), steps: make(chan step, n), open: n,
	}
	for _, dl := range deliveries {
		dl.started = func(int) {} // the group tells how many are open
	}
	g.begin(ctx, deliveries)
	started(g.open)
	long := time.NewTimer(lookUpAfter)
	defer long.Stop()
	var errs []error
	for done := ctx.Done(); g.open > 0; {
		select {
		case t := <-g.answers:
			dl := g.waiting[t]
			delete(g.waiting, t)
			go g.conclude(ctx, dl, g.d.takeTurn)
		case s := <-g.steps:
			if s.asks {
				g.ask(ctx, s.dl)
				continue
			}
			g.open--
			started(g.open)
			errs = append(errs, s.err)
		case <-long.C:
			g.lookUpWaiting(ctx)
		case <-done:
			done = nil
			g.withdraw(ctx)
		}
	}
	return errors.Join(errs...)
}

// begin has each delivery ask for its ticket.
func (g *group) begin(ctx context.Context, deliveries []*delivery) {
	begun := make([]*delivery, 0, len(deliveries))
	for _, dl := range deliveries {
		if g.d.inProgress.addFree(dl.history.Delivery) {
			begun = append(begun, dl)
			continue
		}
		// Another message of this delivery must end first. Waiting for it here would keep
		// those that this one has begun from ending, which that one may wait for.
		go func() { g.steps <- step{dl: dl, err: g.d.deliver(ctx, dl)} }()
	}
	for _, dl := range begun {
		g.ask(ctx, dl)
	}
}

// lookUpWaiting looks up in the ledger what waits for its ticket, and ends what was
// settled before.
func (g *group) lookUpWaiting(ctx context.Context) {
	var waiting []*delivery
	for _, dl := range g.waiting {
		if !dl.looked {
			waiting = append(waiting, dl)
		}
	}
	results, err := g.d.settledBeforeAll(ctx, waiting)
	if err != nil {
		return // ctx has ended, and so does what waits
	}
	for i, dl := range waiting {
		if results[i].kind != undecided && g.d.limiter.Withdraw(&dl.ticket) {
			delete(g.waiting, &dl.ticket)
			g.decided(ctx, dl, results[i], nil)
		}
	}
}

// ask asks for a delivery's ticket. It does not block.
func (g *group) ask(ctx context.Context, dl *delivery) {
	r, waits, err := g.d.ask(ctx, dl, g.answers)
	switch {
	case r.kind != undecided || err != nil:
		g.decided(ctx, dl, r, err)
	case waits:
		g.waiting[&dl.ticket] = dl
	default:
		go g.conclude(ctx, dl, g.d.takeTurn)
	}
}

// decided has a delivery end that needs no ticket.
func (g *group) decided(ctx context.Context, dl *delivery, r result, err error) {
	known := func(ctx context.Context, dl *delivery) (result, error) {
		if r.kind == repeated || err != nil {
			return r, err
		}
		return g.d.unlessSettled(ctx, dl, r)
	}
	if err != nil {
		g.conclude(ctx, dl, known) // which does not block
		return
	}
	go g.conclude(ctx, dl, known)
}

func (g *group) conclude(ctx context.Context, dl *delivery, t turn) {
	asks, err := g.d.conclude(ctx, dl, t)
	g.steps <- step{dl: dl, asks: asks, err: err}
}

// withdraw ends what waits, since ctx has ended. Tickets that have their answers by now
// are on their way to answers.
func (g *group) withdraw(ctx context.Context) {
	for t, dl := range g.waiting {
		if g.d.limiter.Withdraw(t) {
			delete(g.waiting, t)
			r, err := g.d.answer(dl, t.Asked(), time.Time{}, context.Cause(ctx))
			g.decided(ctx, dl, r, err)
		}
	}
}
