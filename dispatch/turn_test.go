package dispatch_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// tooMany is a 429 that asks for so many seconds of peace.
func tooMany(seconds string) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusTooManyRequests, Body: http.NoBody, Header: http.Header{"Retry-After": {seconds}}}, nil
}

// flood hands so many leads over at once and returns when all are settled.
func (r *rig) flood(t *testing.T, first, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { r.handle(t, message(numbered(first+i))) })
	}
	wg.Wait()
}

func TestWhatACRMThatFailsCannotTakeWaits(t *testing.T) {
	var posts int
	down := true
	var mu sync.Mutex
	bubble(t, waiting(), func(*http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		posts++
		if down {
			return status(http.StatusInternalServerError)
		}
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		for n := range 100 {
			r.handle(t, message(numbered(n)))
		}
		if posts > 20 {
			t.Errorf("got %d POSTs to a CRM that fails, want few", posts)
		}
		var untouched int
		for _, w := range r.wheel.all() {
			if w.Attempts == 0 {
				untouched++
				if w.Step != 0 || w.FirstDeferral.IsZero() || time.Until(w.NotBefore) > 11*time.Second {
					t.Errorf("got %+v until %v, want it put off for some 10s and nothing counted", w.History, w.NotBefore)
				}
			}
		}
		if untouched < 90 {
			t.Errorf("got %d put off unattempted, want nearly all of 100", untouched)
		}
		mu.Lock()
		down = false
		mu.Unlock()
		began := time.Now()
		r.turn(t)
		if took := time.Since(began); took > 21*time.Second {
			t.Errorf("got them delivered %v after the CRM's return, want 21s at most", took)
		}
		if got := r.count(t, "leadhook_deliveries_total", "json", "delivered"); got != 100 {
			t.Errorf("got %v delivered, want 100", got)
		}
		r.wantDelivered(t)
	})
}

// TestAMinuteAwayCostsTwentySeconds has leads come all the while.
func TestAMinuteAwayCostsTwentySeconds(t *testing.T) {
	var back time.Time
	bubble(t, waiting(), func(*http.Request) (*http.Response, error) {
		if time.Now().Before(back) {
			return status(http.StatusBadGateway)
		}
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		back = time.Now().Add(time.Minute)
		returning := r.turning(t)
		var fresh sync.WaitGroup
		for n := range 120 {
			time.Sleep(500 * time.Millisecond)
			fresh.Go(func() { r.handle(t, message(numbered(n))) })
		}
		fresh.Wait()
		returning.Wait()
		r.wantDelivered(t)
		if late := time.Since(back); late > 20*time.Second {
			t.Errorf("the last came %v after the CRM's return, want 20s at most", late)
		}
		if got := r.count(t, "leadhook_deliveries_total", "json", "delivered"); got != 120 {
			t.Errorf("got %v delivered, want 120", got)
		}
	})
}

// TestAnHourOfFailuresLosesNothing has a lead come every two seconds, and the
// CRM answer 500 for an hour.
func TestAnHourOfFailuresLosesNothing(t *testing.T) {
	var back time.Time
	var posts int
	bubble(t, waiting(), func(*http.Request) (*http.Response, error) {
		if time.Now().Before(back) {
			posts++
			return status(http.StatusInternalServerError)
		}
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		const leads = 1800
		back = time.Now().Add(time.Hour)
		returning := r.turning(t)
		var fresh sync.WaitGroup
		for n := range leads {
			time.Sleep(2 * time.Second)
			fresh.Go(func() { r.handle(t, message(numbered(n))) })
		}
		fresh.Wait()
		returning.Wait()
		r.wantDelivered(t)
		if got := r.count(t, "leadhook_deliveries_total", "json", "delivered"); got != leads {
			t.Errorf("got %v delivered, want %d", got, leads)
		}
		if late := time.Since(back); late > 7*time.Minute {
			t.Errorf("the last came %v after the CRM's return, want the longest deferral of an hour, five minutes, and some", late)
		}
		most := map[string]int{}
		peak := 0
		for _, w := range r.wheel.all() {
			most[w.Delivery]++
			peak = max(peak, most[w.Delivery])
		}
		t.Logf("%d POSTs to a CRM that failed; %d times in the wheel, %d at most for one", posts, len(r.wheel.all()), peak)
		if peak > 40 {
			t.Errorf("a delivery went %d times through the wheel in an hour, want few", peak)
		}
	})
}

func TestABlackHoleHoldsUpNobodyElse(t *testing.T) {
	all := make(hooksOf, 10)
	for i := range all {
		hook := webhook(fmt.Sprint("w", i), fmt.Sprintf("https://crm%d.example.com/", i))
		all[i] = hooks{hook}
	}
	opts := waiting()
	opts.Attempt.MaxInFlight, opts.OpenEvents = 64, 400
	var mu sync.Mutex
	var slowest time.Duration
	bubbleOf(t, opts, all, func(req *http.Request) (*http.Response, error) {
		if req.URL.Host < "crm2" { // two of ten
			<-req.Context().Done()
			return nil, req.Context().Err()
		}
		time.Sleep(10 * time.Millisecond)
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		open := make(chan struct{}, 400) // as the consumer bounds it
		var wg sync.WaitGroup
		for n := range 4000 {
			open <- struct{}{}
			m := message(numbered(n))
			m.Value = []byte(strings.Replace(string(m.Value), "USA_1", fmt.Sprint(n), 1))
			came := time.Now()
			wg.Go(func() {
				r.handle(t, m)
				<-open
				mu.Lock()
				defer mu.Unlock()
				if n%10 >= 2 {
					slowest = max(slowest, time.Since(came))
				}
			})
			time.Sleep(time.Millisecond)
		}
		wg.Wait()
		if slowest > 300*time.Millisecond {
			t.Errorf("a healthy CRM's lead took %v while others hung", slowest)
		}
		if got := r.count(t, "leadhook_deliveries_total", "json", "delivered"); got != 3200 {
			t.Errorf("got %v delivered, want all 3200 of the healthy ones", got)
		}
	})
}

// TestCRMsThatHangSoonHoldLittle has 20 CRMs hang to which 200 leads a second
// come each.
func TestCRMsThatHangSoonHoldLittle(t *testing.T) {
	for _, c := range []struct {
		name string
		well time.Duration // for how long they answered before
		most int64
	}{
		// Of the part for fresh ones a quarter may wait, and one more for each CRM.
		{"from the beginning", 0, 2000*3/4/4 + 20 + 20*2 + 20},                     // and the attempts that each begins with, and one that asks whether it is back
		{"after they were fast", 10 * time.Second, 2000*3/4/4 + 20 + 512*7/8 + 20}, // and all attempts but the last eighth, and the same
	} {
		t.Run(c.name, func(t *testing.T) {
			all := make(hooksOf, 20)
			for i := range all {
				all[i] = hooks{webhook(fmt.Sprint("w", i), fmt.Sprintf("https://crm%d.example.com/", i))}
			}
			opts := waiting()
			opts.OpenEvents = 2000
			var hang atomic.Bool
			bubbleOf(t, opts, all, func(req *http.Request) (*http.Response, error) {
				if hang.Load() {
					<-req.Context().Done()
					return nil, req.Context().Err()
				}
				time.Sleep(50 * time.Millisecond)
				return status(http.StatusOK)
			}, func(t *testing.T, r *rig) {
				const every = 5 * time.Millisecond
				var open atomic.Int64
				var wg sync.WaitGroup
				for n := range int((c.well+3*time.Second)/every) * len(all) {
					hang.Store(time.Duration(n/len(all))*every >= c.well)
					m := message(numbered(n))
					m.Value = []byte(strings.Replace(string(m.Value), "USA_1", fmt.Sprint(n), 1))
					open.Add(1)
					wg.Go(func() {
						r.handle(t, m)
						open.Add(-1)
					})
					if n%len(all) == 0 {
						time.Sleep(every)
					}
				}
				synctest.Wait()
				if n := open.Load(); n > c.most {
					t.Errorf("%d leads of CRMs that hang are held, want %d at most", n, c.most)
				}
				wg.Wait()
			})
		})
	}
}

// TestASlowCRMIsKeptBusy has 100 leads a second come for a CRM that takes ten.
func TestASlowCRMIsKeptBusy(t *testing.T) {
	var crm chan struct{} // made in the bubble
	var idle time.Duration
	var last time.Time
	bubble(t, waiting(), func(*http.Request) (*http.Response, error) {
		crm <- struct{}{} // one after the other
		defer func() { <-crm }()
		if !last.IsZero() {
			idle += time.Since(last)
		}
		time.Sleep(100 * time.Millisecond)
		last = time.Now()
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		crm = make(chan struct{}, 1)
		began := time.Now()
		returning := r.turning(t)
		var wg sync.WaitGroup
		for n := range 3000 {
			time.Sleep(10 * time.Millisecond)
			wg.Go(func() { r.handle(t, message(numbered(n))) })
		}
		wg.Wait()
		returning.Wait()
		r.wantDelivered(t)
		took := time.Since(began)
		if got := r.count(t, "leadhook_deliveries_total", "json", "delivered"); got != 3000 {
			t.Errorf("got %v delivered, want 3000", got)
		}
		if idle > took/5 {
			t.Errorf("the CRM was idle for %v of %v", idle, took)
		}
		hops := map[string]int{}
		most := 0
		for _, w := range r.wheel.all() {
			hops[w.Delivery]++
			most = max(most, hops[w.Delivery])
		}
		t.Logf("%v in all, idle %v, %d times in the wheel, %d at most for one", took, idle, len(r.wheel.all()), most)
		if most > 15 {
			t.Errorf("a delivery was put off %d times, want 15 at most", most)
		}
	})
}

func TestAHealthyCRMIsNeverPutOff(t *testing.T) {
	opts := waiting()
	opts.OpenEvents = 20_000
	bubble(t, opts, func(*http.Request) (*http.Response, error) {
		time.Sleep(5 * time.Millisecond)
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		r.handle(t, message(numbered(50_000))) // from then on it is known
		open := make(chan struct{}, opts.OpenEvents*3/4/2)
		var wg sync.WaitGroup
		for n := range 50_000 {
			open <- struct{}{}
			wg.Go(func() { r.handle(t, message(numbered(n))); <-open })
		}
		wg.Wait()
		if n := len(r.wheel.all()); n != 0 {
			t.Errorf("%d of 50,000 were put off", n)
		}
	})
}

func TestRetryAfterPausesItsWebhookAlone(t *testing.T) {
	var mu sync.Mutex
	posts := map[string]int{}
	all := hooks{webhook("asked", "https://a.example.com/"), webhook("other", "https://b.example.com/")}
	bubbleOf(t, waiting(), all, func(req *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		posts[req.URL.Host]++
		if req.URL.Host == "a.example.com" && posts[req.URL.Host] == 1 {
			return tooMany("90")
		}
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		began := time.Now()
		for n := range 50 {
			r.handle(t, message(numbered(n)))
		}
		if posts["a.example.com"] != 1 || posts["b.example.com"] != 50 {
			t.Errorf("got %v POSTs, want 1 and 50", posts)
		}
		for _, w := range r.wheel.all() {
			if want := began.Add(90 * time.Second); !w.NotBefore.Equal(want) {
				t.Errorf("got one until %v, want %v", w.NotBefore, want)
			}
		}
		r.turn(t)
		r.wantDelivered(t)
	})
}

func TestAWebhookHasItsRate(t *testing.T) {
	hook := webhook("w", "https://crm.example.com/")
	hook.Rate = 5
	var at []time.Time
	var mu sync.Mutex
	bubbleOf(t, waiting(), hooks{hook}, func(*http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		at = append(at, time.Now())
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		r.flood(t, 0, 200)
		r.turn(t)
		r.wantDelivered(t)
		if len(at) != 200 {
			t.Fatalf("got %d POSTs, want 200", len(at))
		}
		for i := 0; i+10 < len(at); i++ {
			if span := at[i+10].Sub(at[i]); span < 1900*time.Millisecond {
				t.Fatalf("got ten in %v, want five a second", span)
			}
		}
	})
}

func TestAHostIsSparedWhenSeveralAdvertisersAreTold(t *testing.T) {
	all := make(hooksOf, 8)
	for i := range all {
		hook := webhook(fmt.Sprint("w", i), "https://crm.example.com/"+fmt.Sprint(i))
		hook.Advertiser = fmt.Sprint("A_", i)
		all[i] = hooks{hook}
	}
	var mu sync.Mutex
	var now, most int
	storm := false
	bubbleOf(t, waiting(), all, func(req *http.Request) (*http.Response, error) {
		mu.Lock()
		now++
		most = max(most, now)
		tell := storm && req.URL.Path < "/3"
		mu.Unlock()
		time.Sleep(100 * time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		if tell {
			return tooMany("5")
		}
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		to := func(advertiser, n int) *lead.Message {
			m := message(numbered(n))
			m.Value = []byte(strings.Replace(string(m.Value), "USA_1", fmt.Sprint(advertiser), 1))
			return m
		}
		for n := range 6 { // each takes one and refuses the next
			mu.Lock()
			storm = n >= 3
			mu.Unlock()
			r.handle(t, to(n%3, n))
		}
		most = 0
		var wg sync.WaitGroup
		for n := range 50 {
			wg.Go(func() { r.handle(t, to(3+n%5, 100+n)) })
		}
		wg.Wait()
		if most > 5 || most == 0 {
			t.Errorf("got %d attempts at once on the host, want one for each of five webhooks", most)
		}
	})
}

func TestGoneSetsAWebhookInactive(t *testing.T) {
	bubble(t, waiting(), func(*http.Request) (*http.Response, error) { return status(http.StatusGone) },
		func(t *testing.T, r *rig) {
			r.handle(t, message(call))
			if got := r.standing.disabled["w"]; got.Reason != lead.Gone || got.Status != http.StatusGone || !got.At.Equal(time.Now()) {
				t.Errorf("got %+v, want it disabled for 410", got)
			}
			if r.onlyLetter(t).Reason != lead.Gone {
				t.Error("want the delivery dead")
			}
			if n := r.logs.FilterMessageSnippet("webhook disabled").Len(); n != 1 {
				t.Errorf("got %d lines about it, want 1", n)
			}
		})
}

func TestFailingForThreeDaysSetsAWebhookInactive(t *testing.T) {
	hook := webhook("w", "https://crm.example.com/")
	bubbleOf(t, waiting(), hooks{hook}, func(*http.Request) (*http.Response, error) { return status(http.StatusUnauthorized) },
		func(t *testing.T, r *rig) {
			began := time.Now()
			var after time.Duration
			for n := 0; after == 0 && n < 100; n++ {
				hook.Failing = r.standing.failing["w"] // as Redis tells it
				r.handle(t, message(numbered(n)))
				if len(r.standing.disabled) > 0 {
					after = time.Since(began)
				}
				time.Sleep(time.Hour)
			}
			if after < 72*time.Hour || after > 74*time.Hour {
				t.Errorf("set inactive after %v, want 72h", after)
			}
			if got := r.standing.disabled["w"].Reason; got != lead.Exhausted {
				t.Errorf("got the reason %s", got)
			}
			if n := r.logs.FilterMessageSnippet("will be disabled").Len(); n != 1 {
				t.Errorf("got %d warnings, want 1", n)
			}
			if got := r.standing.failing["w"]; !got.Since.Equal(began) || got.Attempts < 10 {
				t.Errorf("got %+v told to the others, want it failing since the first attempt", got)
			}
		})
}

func TestAWebhookWithFewLeadsIsWarnedADayBefore(t *testing.T) {
	hook := webhook("w", "https://crm.example.com/")
	bubbleOf(t, waiting(), hooks{hook}, func(*http.Request) (*http.Response, error) { return status(http.StatusUnauthorized) },
		func(t *testing.T, r *rig) {
			n := 0
			fails := func(after time.Duration) (disabled bool) {
				time.Sleep(after)
				hook.Failing = r.standing.failing["w"] // as Redis tells it
				n++
				r.handle(t, message(numbered(n)))
				return len(r.standing.disabled) > 0
			}
			for range 12 {
				fails(time.Minute)
			}
			if fails(80*time.Hour) || fails(23*time.Hour) {
				t.Error("set inactive less than a day after the warning")
			}
			if n := r.logs.FilterMessageSnippet("will be disabled").Len(); n != 1 {
				t.Errorf("got %d warnings, want 1", n)
			}
			if !fails(time.Hour) {
				t.Error("not set inactive a day after the warning")
			}
		})
}

func TestFailingIsContinuedFromOtherInstancesAndEnds(t *testing.T) {
	hook := webhook("w", "https://crm.example.com/")
	code := http.StatusForbidden
	bubbleOf(t, waiting(), hooks{hook}, func(*http.Request) (*http.Response, error) { return status(code) },
		func(t *testing.T, r *rig) {
			hook.Failing = lead.Failing{Since: time.Now().Add(-71 * time.Hour), Attempts: 8}
			r.handle(t, message(numbered(0)))
			if len(r.standing.disabled) != 0 {
				t.Error("set inactive too early")
			}
			code = http.StatusOK
			time.Sleep(2 * time.Hour)
			r.handle(t, message(numbered(1)))
			if fmt.Sprint(r.standing.healed) != "[w]" {
				t.Errorf("got %v told to be well again, want w", r.standing.healed)
			}
			code = http.StatusForbidden
			for n := range 20 {
				r.handle(t, message(numbered(2+n)))
				time.Sleep(time.Minute)
			}
			if len(r.standing.disabled) != 0 {
				t.Error("set inactive although an attempt succeeded in between")
			}
		})
}

func TestIdleWebhooksAreForgotten(t *testing.T) {
	const n = 500
	all := make(hooksOf, n)
	for i := range all {
		all[i] = hooks{webhook(fmt.Sprint("w", i), fmt.Sprintf("https://crm%d.example.com/", i))}
	}
	bubbleOf(t, waiting(), all, func(*http.Request) (*http.Response, error) { return status(http.StatusOK) },
		func(t *testing.T, r *rig) {
			for i := range n {
				m := message(numbered(i))
				m.Value = []byte(strings.Replace(string(m.Value), "USA_1", fmt.Sprint(i), 1))
				r.handle(t, m)
			}
			if webhooks, hosts := r.Known(); webhooks != n || hosts != n {
				t.Errorf("got %d webhooks and %d hosts, want %d", webhooks, hosts, n)
			}
			time.Sleep(20 * time.Minute)
			for i := range n { // each forgets some
				m := message(numbered(i))
				m.Value = []byte(strings.Replace(string(m.Value), "USA_1", "0", 1))
				r.handle(t, m)
			}
			synctest.Wait()
			if webhooks, hosts := r.Known(); webhooks != 1 || hosts != 1 {
				t.Errorf("got %d webhooks and %d hosts, want the one in use", webhooks, hosts)
			}
		})
}

func TestABacklogIsGivenAllThatTheCRMTakes(t *testing.T) {
	var mu sync.Mutex
	var now, most int
	bubble(t, waiting(), func(*http.Request) (*http.Response, error) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(500 * time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		r.flood(t, 0, 300) // and nothing after them
		r.turn(t)
		r.wantDelivered(t)
		if most < 100 {
			t.Errorf("got %d attempts at once, want more and more of them", most)
		}
	})
}

func TestARateIsMadeUseOfWhereTheCRMIsSlow(t *testing.T) {
	hook := webhook("w", "https://crm.example.com/")
	hook.Rate = 5
	bubbleOf(t, waiting(), hooks{hook}, func(*http.Request) (*http.Response, error) {
		time.Sleep(1900 * time.Millisecond) // no multiple of the rate's 200: what falls together has no order
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		began := time.Now()
		r.flood(t, 0, 10)
		if took := time.Since(began); took > 7*time.Second || len(r.wheel.all()) > 0 {
			t.Errorf("ten took %v, want five a second; %d put off", took, len(r.wheel.all()))
		}
	})
}

func TestFewAttemptsAfterFailuresHoweverWellItWent(t *testing.T) {
	var mu sync.Mutex
	var now, most, fail int
	bubble(t, waiting(), func(*http.Request) (*http.Response, error) {
		mu.Lock()
		now++
		most = max(most, now)
		bad := fail > 0
		fail--
		mu.Unlock()
		time.Sleep(10 * time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		if bad {
			return status(http.StatusUnauthorized)
		}
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		r.flood(t, 0, 3000)
		before := most
		fail = 3
		for n := range 3 {
			r.handle(t, message(numbered(5000+n)))
		}
		now, most = 0, 0
		var wg sync.WaitGroup
		for n := range 500 {
			wg.Go(func() { r.handle(t, message(numbered(6000+n))) })
		}
		synctest.Wait() // no answer has come yet
		if before < 64 || most > before/2 {
			t.Errorf("got %d attempts at once after three failures, and %d before", most, before)
		}
		wg.Wait()
	})
}

func TestAPauseIsKeptWhereTheWebhookFailsToo(t *testing.T) {
	var mu sync.Mutex
	posts := 0
	bubble(t, waiting(), func(*http.Request) (*http.Response, error) {
		mu.Lock()
		posts++
		mu.Unlock()
		time.Sleep(time.Second)
		return tooMany("90")
	}, func(t *testing.T, r *rig) {
		for n := range 3 { // the webhook is taken for failing by then
			r.flood(t, 10*n, 3)
			time.Sleep(91 * time.Second)
		}
		r.flood(t, 100, 3)
		before := posts
		for n := range 80 {
			r.handle(t, message(numbered(1000+n)))
			time.Sleep(time.Second)
		}
		if posts != before {
			t.Errorf("got %d POSTs while the CRM wanted none", posts-before)
		}
	})
}

func TestProbesKeepToTheRate(t *testing.T) {
	hook := webhook("w", "https://crm.example.com/")
	hook.Rate = .1
	posts := 0
	opts := waiting()
	opts.QuickAttempts = 1
	bubbleOf(t, opts, hooks{hook}, func(*http.Request) (*http.Response, error) {
		posts++
		return status(http.StatusInternalServerError)
	}, func(t *testing.T, r *rig) {
		var wg sync.WaitGroup
		for n := range 300 {
			wg.Go(func() { r.handle(t, message(numbered(n))) })
			time.Sleep(time.Second)
		}
		wg.Wait()
		if posts > 31 {
			t.Errorf("got %d POSTs in 300 s, want one in ten seconds", posts)
		}
	})
}

func TestAnotherVersionDoesNotWaitForTheRateOfTheLast(t *testing.T) {
	old := webhook("w", "https://crm.example.com/")
	old.Version, old.Rate = "1", .01
	current := old
	var mu sync.Mutex
	all := hooksFunc(func(context.Context, string) ([]*lead.Webhook, error) {
		mu.Lock()
		defer mu.Unlock()
		return []*lead.Webhook{current}, nil
	})
	bubbleOf(t, waiting(), all, func(*http.Request) (*http.Response, error) { return status(http.StatusOK) },
		func(t *testing.T, r *rig) {
			var wg sync.WaitGroup
			for n := range 2 {
				wg.Go(func() { r.handle(t, message(numbered(n))) })
			}
			time.Sleep(time.Second)
			mu.Lock()
			current = webhook("w", "https://crm.example.com/")
			current.Version = "2"
			mu.Unlock()
			began := time.Now()
			r.handle(t, message(numbered(3)))
			if took := time.Since(began); took > 0 {
				t.Errorf("got it delivered after %v, want at once: the webhook has no rate any more", took)
			}
			wg.Wait()
		})
}

// TestALaneFollowsItsWebhookToAnotherHost has the old host told that it is too
// much, by the webhooks that are still there.
func TestALaneFollowsItsWebhookToAnotherHost(t *testing.T) {
	all := make(hooksOf, 4)
	for i := range all {
		hook := webhook(fmt.Sprint("w", i), "https://old.example.com/")
		hook.Advertiser, hook.Version = fmt.Sprint("A_", i), "1"
		all[i] = hooks{hook}
	}
	var mu sync.Mutex
	var now, most int
	bubbleOf(t, waiting(), all, func(req *http.Request) (*http.Response, error) {
		if req.URL.Host == "old.example.com" {
			return tooMany("5")
		}
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(100 * time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		to := func(advertiser, n int) *lead.Message {
			m := message(numbered(n))
			m.Value = []byte(strings.Replace(string(m.Value), "USA_1", fmt.Sprint(advertiser), 1))
			return m
		}
		r.handle(t, to(3, 0))
		moved := *all[3][0]
		moved.URL, moved.Version = "https://new.example.com/", "2"
		all[3] = hooks{&moved}
		for i := range 3 {
			r.handle(t, to(i, 1))
		}
		var wg sync.WaitGroup
		for n := range 4 {
			wg.Go(func() { r.handle(t, to(3, 10+n)) })
		}
		wg.Wait()
		if most < 2 {
			t.Errorf("got %d attempts at once on the new host, want it not spared", most)
		}
	})
}

func TestTheOthersHearOfARecoveryInTheEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		away bool
		slow time.Duration
	}{
		{"Redis is away", true, 0},
		{"a failure is written later", false, 900 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			code := http.StatusForbidden
			bubble(t, waiting(), func(*http.Request) (*http.Response, error) { return status(code) }, func(t *testing.T, r *rig) {
				r.standing.slow = c.slow
				var wg sync.WaitGroup
				wg.Go(func() { r.handle(t, message(numbered(0))) })
				synctest.Wait()
				r.standing.away, code = c.away, http.StatusOK
				r.handle(t, message(numbered(1)))
				wg.Wait()
				if len(r.standing.failing) != 1 {
					t.Fatal("the others think that it works already")
				}
				r.standing.away = false
				time.Sleep(2 * time.Minute)
				r.handle(t, message(numbered(2)))
				if len(r.standing.failing) != 0 {
					t.Error("the others think for ever that it fails")
				}
			})
		})
	}
}

func TestABurstAfterAQuietTimeIsNotPutOff(t *testing.T) {
	opts := waiting()
	opts.OpenEvents = 16 // a quarter of it is for webhooks that do not keep up
	bubble(t, opts, func(*http.Request) (*http.Response, error) {
		time.Sleep(300 * time.Millisecond)
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		r.handle(t, message(numbered(0)))
		time.Sleep(time.Minute)
		r.flood(t, 1, 6)
		if n := len(r.wheel.all()); n > 0 {
			t.Errorf("%d of six were put off", n)
		}
	})
}

// TestWhatComesBackForASlowCRMLeavesRoomForOthers has thousands return at once.
func TestWhatComesBackForASlowCRMLeavesRoomForOthers(t *testing.T) {
	all := hooksOf{{webhook("slow", "https://slow.example.com/")}, {webhook("well", "https://well.example.com/")}}
	for i := range all {
		all[i][0].Advertiser = fmt.Sprint(i)
	}
	bubbleOf(t, waiting(), all, func(req *http.Request) (*http.Response, error) {
		if req.URL.Host == "slow.example.com" {
			time.Sleep(2 * time.Second)
		}
		return status(http.StatusOK)
	}, func(t *testing.T, r *rig) {
		budget := make(chan struct{}, 500)
		to := func(advertiser, n int) *lead.Message {
			m := message(numbered(n))
			m.Value = []byte(strings.Replace(string(m.Value), "USA_1", fmt.Sprint(advertiser), 1))
			return m
		}
		const flood = 10000
		for n := range flood {
			h := lead.History{Webhook: "slow", Delivery: "x", FirstDeferral: time.Now()}
			r.wheel.parked = append(r.wheel.parked, &lead.Waiting{Message: *to(0, n), History: h})
		}
		r.wheel.parked = append(r.wheel.parked, &lead.Waiting{Message: *to(1, 0), History: lead.History{Webhook: "well", Delivery: "y", FirstDeferral: time.Now()}})
		began := time.Now()
		var wg sync.WaitGroup
		for n := range flood + 1 {
			budget <- struct{}{}
			wg.Go(func() { r.handle(t, r.wheel.record(n)); <-budget })
		}
		if late := time.Since(began); late > 5*time.Second {
			t.Errorf("the other CRM's delivery was begun %v late", late)
		}
		wg.Wait()
	})
}
