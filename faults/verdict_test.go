//go:build faults

package faults

import (
	"fmt"
	"strings"
	"time"
)

// settled waits until every lead is accounted for and nothing is read or to be
// read any more: until the live topic is committed to its end, and so are the
// retry topics.
func (r *rig) settled(within time.Duration) *account {
	r.t.Helper()
	topics := append(r.retryTopics(), r.topic)
	deadline := time.Now().Add(within)
	for r.lag(topics...) != 0 {
		if time.Now().After(deadline) {
			var lags []string
			for _, topic := range topics {
				lags = append(lags, fmt.Sprintf("%s %d", topic, r.lag(topic)))
			}
			r.giveUp("not within %v: everything is committed; %s are not\n%s", within, strings.Join(lags, ", "), r.account().details())
		}
		time.Sleep(100 * time.Millisecond)
	}
	return r.fair()
}

// handled waits until the live topic is committed to its end. Deliveries may wait
// in the retry topics still.
func (r *rig) handled(within time.Duration) *account {
	r.t.Helper()
	r.until(within, "the live topic is committed", func() bool { return r.lag(r.topic) == 0 })
	return r.fair()
}

// fair is an account in which nothing is lost, came twice without a cause or
// went where it does not belong: what must hold at any moment.
func (r *rig) fair() *account {
	r.t.Helper()
	a := r.account()
	r.last = a
	r.t.Log(a)
	if n := int(r.leads.Load()) - r.gone; a.leads != n {
		r.fails("the live topic has %d leads, %d were published", a.leads, n)
	}
	if a.lost != 0 || a.buried != 0 || a.unwanted != 0 || a.misled != 0 || a.foreign != 0 || a.astray != 0 || a.twice[withoutCause] != 0 {
		r.fails("want nothing lost, nothing twice without a cause, no dead letter of what was delivered,"+
			" nothing where nobody wanted it, no body but the lead's and nothing to what was taken away, got %v\n%s", a, a.details())
		r.logLedgers()
	}
	return a
}

// logLedgers notes what the instances count of a ledger that did not answer.
func (r *rig) logLedgers() {
	r.t.Helper()
	for _, i := range r.instances {
		if i.alive() && i.findAdmin() != "" {
			r.t.Log(i.ledger())
		}
	}
}

// arrived is an account in which everything was delivered.
func (r *rig) arrived(within time.Duration) *account {
	r.t.Helper()
	a := r.settled(within)
	if a.delivered != a.wanted {
		r.fails("want everything delivered, got %v\n%s", a, a.details())
	}
	return a
}

// once is arrived, and nothing twice, whatever the cause.
func (r *rig) once(within time.Duration) *account {
	r.t.Helper()
	a := r.arrived(within)
	if len(a.twice) != 0 {
		r.fails("want nothing twice, got %v", a)
	}
	return a
}
