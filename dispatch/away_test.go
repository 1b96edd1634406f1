package dispatch_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/lead"
)

func refused(*http.Request) (*http.Response, error) { return status(http.StatusBadRequest) }

func TestADeadLetterWaitsWhileNoneCanBeWritten(t *testing.T) {
	posts := 0
	bubble(t, dispatch.Options{}, func(req *http.Request) (*http.Response, error) {
		posts++
		return refused(req)
	}, func(t *testing.T, r *rig) {
		r.ledger.tells = true
		r.letters.away(true)
		r.handle(t, message(call))
		r.handle(t, message(call)) // is settled
		if len(r.wheel.all()) != 1 {
			t.Fatalf("got %d deliveries in the retry queue, want the dead letter", len(r.wheel.all()))
		}
		time.Sleep(time.Until(r.wheel.all()[0].NotBefore))
		r.handle(t, r.wheel.record(0))
		r.letters.away(false)
		time.Sleep(time.Until(r.wheel.all()[1].NotBefore))
		r.handle(t, r.wheel.record(1))
		r.handle(t, r.wheel.record(1)) // is settled
		letter, first := r.onlyLetter(t), r.wheel.all()[0]
		want := &lead.DeadLetter{Message: first.Message, Reason: lead.Refused, History: first.History}
		if diff := cmp.Diff(want, letter); diff != "" {
			t.Errorf("dead letter, -when it was put off +when it was written:\n%s", diff)
		}
		if posts != 1 || letter.Attempts != 1 || letter.Message.Offset != 42 {
			t.Errorf("got %d POSTs and %d attempts of the event at %d, want one of that at 42", posts, letter.Attempts, letter.Message.Offset)
		}
		if n := r.count(t, "leadhook_deliveries_total", "json", "deferred"); n != 1 {
			t.Errorf("counted %v deliveries of JSON as deferred, want 1", n)
		}
	})
}

func TestAnUnreadableEventWaitsWhileNoDeadLetterCanBeWritten(t *testing.T) {
	never := hooksFunc(func(context.Context, string) ([]*lead.Webhook, error) { panic("not to be asked") })
	bubbleOf(t, dispatch.Options{}, never, refused, func(t *testing.T, r *rig) {
		r.letters.away(true)
		r.handle(t, message(`{}`))
		r.letters.away(false)
		time.Sleep(time.Until(r.wheel.all()[0].NotBefore))
		r.handle(t, r.wheel.record(0))
		if letter := r.onlyLetter(t); letter.Reason != lead.BadLeadID || letter.Message.Offset != 42 || letter.Error == "" {
			t.Errorf("got %+v, want it as it was put off", letter)
		}
		if n := r.count(t, "leadhook_events_total", "unreadable"); n != 1 {
			t.Errorf("counted %v unreadable events, want 1", n)
		}
	})
}

func TestTheLongerAnOutageTheLessOftenItIsTried(t *testing.T) {
	bubble(t, dispatch.Options{}, refused, func(t *testing.T, r *rig) {
		r.letters.away(true)
		m := message(call)
		m.Time = time.Now()
		r.handle(t, m)
		for n := 0; time.Since(m.Time) < 24*time.Hour; n++ {
			parked := r.wheel.all()
			wait := time.Until(parked[n].NotBefore)
			if wait < 10*time.Second || wait > 5*time.Minute {
				t.Errorf("wait %d is %v, want 10s to 5m", n, wait)
			}
			time.Sleep(wait)
			r.handle(t, r.wheel.record(n))
		}
		if n := len(r.wheel.all()); n < 280 || n > 320 {
			t.Errorf("it was tried %d times in a day, want every five minutes after the first", n)
		}
	})
}

// partlyAway are webhooks that cannot be looked up while it says so.
type partlyAway struct {
	hooks
	away bool
}

func (p *partlyAway) For(context.Context, string, time.Time) ([]*lead.Webhook, error) {
	if p.away {
		return nil, lead.ErrAway
	}
	return p.hooks, nil
}

func TestAnEventWaitsAsAWholeWhileItsWebhooksAreAway(t *testing.T) {
	var ids []string
	all := &partlyAway{hooks: hooks{webhook("a", "https://crm.example.com/"), webhook("b", "https://crm.example.com/")}, away: true}
	accepts := func(req *http.Request) (*http.Response, error) {
		if got := asSent(req, "webhook-attempt"); got != "1" {
			t.Errorf("got attempt %s, want the first", got)
		}
		ids = append(ids, asSent(req, "webhook-id"))
		return status(http.StatusNoContent)
	}
	bubbleOf(t, dispatch.Options{Attempt: attempt.Options{MaxInFlight: 1}}, all, accepts, func(t *testing.T, r *rig) {
		r.ledger.tells = true
		m := message(call)
		r.handle(t, m)
		parked := r.wheel.all()[0]
		want := &lead.Waiting{
			Message: *m, NotBefore: parked.NotBefore, History: lead.History{Advertiser: "USA_1", Received: m.Time},
		}
		if diff := cmp.Diff(want, parked); diff != "" {
			t.Errorf("what waits, -want +got:\n%s", diff)
		}
		time.Sleep(time.Until(parked.NotBefore))
		r.handle(t, r.wheel.record(0)) // they are still away
		all.away = false
		time.Sleep(time.Until(r.wheel.all()[1].NotBefore))
		r.handle(t, r.wheel.record(1))
		r.handle(t, r.wheel.record(1)) // came twice
		r.handle(t, m)                 // is read again
		if len(ids) != 2 || ids[0] == ids[1] {
			t.Errorf("got the deliveries %v, want one to each webhook", ids)
		}
		r.wantDelivered(t)
		if n := r.count(t, "leadhook_put_off_total", "webhooks"); n != 2 {
			t.Errorf("counted %v times that it was put off, want 2", n)
		}
	})
}

func TestADeliveryThatWaitedIsPutOffAsItIs(t *testing.T) {
	all := &partlyAway{hooks: hooks{webhook("w", "https://crm.example.com/")}}
	opts := dispatch.Options{Schedule: []time.Duration{time.Minute, time.Minute}}
	bubbleOf(t, opts, all, func(*http.Request) (*http.Response, error) { return status(http.StatusForbidden) }, func(t *testing.T, r *rig) {
		r.handle(t, message(call))
		all.away = true
		time.Sleep(time.Minute)
		r.handle(t, r.wheel.record(0))
		parked := r.wheel.all()
		later := *parked[0]
		later.NotBefore = parked[1].NotBefore
		if diff := cmp.Diff(&later, parked[1]); diff != "" {
			t.Errorf("what waits, -before it was put off +after:\n%s", diff)
		}
	})
}

func TestADeliveryWhoseWebhookChangedIsPutOff(t *testing.T) {
	all := &partlyAway{hooks: hooks{webhook("w", "https://crm.example.com/")}}
	var busy chan struct{} // of the bubble
	opts := dispatch.Options{Attempt: attempt.Options{MaxInFlight: 1}}
	bubbleOf(t, opts, all, func(*http.Request) (*http.Response, error) {
		<-busy
		return status(http.StatusNoContent)
	}, func(t *testing.T, r *rig) {
		busy = make(chan struct{})
		var handled sync.WaitGroup
		for n := range 2 {
			handled.Go(func() { r.handle(t, message(numbered(n))) })
		}
		synctest.Wait() // one is attempted, the other waits
		all.away = true
		r.WebhooksChanged("USA_1")
		synctest.Wait()
		if parked := r.wheel.all(); len(parked) != 1 || parked[0].Webhook != "w" || parked[0].Attempts != 0 {
			t.Errorf("got %+v in the retry queue, want the delivery that waited", parked)
		}
		close(busy)
		handled.Wait()
	})
}
