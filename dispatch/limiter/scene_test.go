package limiter_test

import (
	"context"
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

// A scene is some minutes in the life of a limiter, with CRMs of several kinds. What is
// deferred comes again when it is due.
type scene struct {
	*limiter.Limiter

	t    *testing.T
	ctx  context.Context //nolint:containedctx // the scene's own, for all that it starts
	opts limiter.Options
	all  sync.WaitGroup
	ids  int
}

// play runs f in a bubble, with the default amounts of a process.
func play(t *testing.T, opts limiter.Options, f func(s *scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		opts.MaxInFlight, opts.OpenEvents, opts.OpenBytes = 4096, 16_384, 64<<20
		s := &scene{Limiter: limiter.New(opts), t: t, ctx: ctx, opts: opts}
		f(s)
		cancel()
		s.all.Wait()
	})
}

// A group is webhooks that are alike, and what became of their leads.
type group struct {
	*scene

	hooks   []*lead.Webhook
	hosts   []string
	answers func() (limiter.Feedback, time.Duration)

	mu     sync.Mutex
	waits  []time.Duration // from the lead until its attempt began; guarded by mu, and all below
	times  []time.Time     // of what was answered well
	failed []time.Time
}

// group makes n webhooks on so many hosts, of so many advertisers.
func (s *scene) group(n, hosts, advertisers int, answers func() (limiter.Feedback, time.Duration)) *group {
	g := &group{scene: s, answers: answers}
	s.ids++
	for i := range n {
		g.hooks = append(g.hooks, &lead.Webhook{ID: fmt.Sprint(s.ids, "-", i), Advertiser: fmt.Sprint("a", s.ids, "-", i%advertisers)})
		g.hosts = append(g.hosts, fmt.Sprintf("https://crm%d-%d.example.com", s.ids, i%hosts))
	}
	return g
}

// takes returns answers that are good and take so long.
func takes(d time.Duration) func() (limiter.Feedback, time.Duration) {
	return func() (limiter.Feedback, time.Duration) { return limiter.Feedback{Result: limiter.Accepted}, d }
}

// hangs returns answers that never come.
func hangs() (limiter.Feedback, time.Duration) {
	return limiter.Feedback{NoAnswer: true}, 15 * time.Second
}

// gets sends the group so many leads a second from now on, to its webhooks in turn, for
// so long.
func (g *group) gets(perSecond float64, d time.Duration) {
	g.all.Go(func() {
		random := rand.New(rand.NewPCG(1, uint64(len(g.hooks))))
		for until, n := time.Now().Add(d), 0; time.Now().Before(until); n++ {
			g.all.Go(func() { g.deliver(n % len(g.hooks)) })
			if !g.sleep(time.Duration(random.ExpFloat64() / perSecond * float64(time.Second))) {
				return
			}
		}
	})
}

func (g *group) sleep(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-g.ctx.Done():
		return false
	}
}

// deliver takes a lead to one of the webhooks, for as long as the scene lasts.
func (g *group) deliver(n int) {
	came := time.Now()
	var ticket limiter.Ticket
	for returned := false; ; returned = true {
		r := limiter.Request{Webhook: g.hooks[n], Host: g.hosts[n], Size: 1000, Returned: returned}
		notBefore, err := g.Acquire(g.ctx, r, &ticket)
		if err != nil {
			return
		}
		if notBefore.IsZero() && g.attempt(came, &ticket) {
			return
		}
		if !g.sleep(max(time.Until(notBefore), 10*time.Second)) {
			return
		}
	}
}

// attempt makes an attempt and reports whether it went well.
func (g *group) attempt(came time.Time, ticket *limiter.Ticket) bool {
	feedback, took := g.answers()
	g.mu.Lock()
	g.waits = append(g.waits, time.Since(came))
	g.mu.Unlock()
	time.Sleep(took)
	feedback.Took = took
	g.Done(ticket, feedback)
	g.mu.Lock()
	defer g.mu.Unlock()
	if feedback.Result != limiter.Accepted {
		g.failed = append(g.failed, time.Now())
		return false
	}
	g.times = append(g.times, time.Now())
	return true
}

// since forgets what was seen until now.
func (g *group) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waits, g.times, g.failed = nil, nil, nil
}

// wait returns how long all but one in so many waited at most.
func (g *group) wait(butOneIn int) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waits) == 0 {
		return time.Hour
	}
	slices.Sort(g.waits)
	return g.waits[len(g.waits)-1-len(g.waits)/butOneIn]
}

// rate returns how many a second were answered well in the time before now.
func (g *group) rate(span time.Duration) float64 { return perSecond(g, &g.times, span) }

// failures returns how many a second were not.
func (g *group) failures(span time.Duration) float64 { return perSecond(g, &g.failed, span) }

func perSecond(g *group, times *[]time.Time, span time.Duration) float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, at := range *times {
		if time.Since(at) <= span {
			n++
		}
	}
	return float64(n) / span.Seconds()
}

// TestSceneNobodyWaitsForTheSlow has 20 prompt CRMs get 100 leads a second together beside
// crowds that are not prompt.
func TestSceneNobodyWaitsForTheSlow(t *testing.T) {
	drips := func() (limiter.Feedback, time.Duration) {
		return limiter.Feedback{Result: limiter.Accepted}, 5*time.Second + time.Duration(rand.N(int64(9*time.Second)))
	}
	for _, c := range []struct {
		name                       string
		webhooks, hosts, advertise int
		perSecond                  float64
		answers                    func() (limiter.Feedback, time.Duration)
	}{
		{"a provider that hangs", 1000, 1, 1000, 100, hangs},
		{"a provider of very many", 10_000, 1, 10_000, 1000, hangs},
		{"a thousand hosts that hang", 1000, 1000, 1000, 100, hangs},
		{"and get more", 1000, 1000, 1000, 1000, hangs},
		{"two hundred that hang and get much", 200, 200, 200, 200, hangs},
		{"one advertiser on many hosts", 200, 200, 1, 200, takes(12 * time.Second)},
		{"advertisers of one provider", 300, 1, 300, 300, takes(12 * time.Second)},
		{"hosts that drip", 200, 200, 200, 1000, drips},
		{"slow ones with too much", 100, 100, 100, 3000, takes(2 * time.Second)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			play(t, limiter.Options{}, func(s *scene) {
				prompt := s.group(20, 20, 20, takes(20*time.Millisecond))
				crowd := s.group(c.webhooks, c.hosts, c.advertise, c.answers)
				prompt.gets(100, 40*time.Second)
				s.sleep(5 * time.Second)
				prompt.forget()
				crowd.gets(c.perSecond, 30*time.Second)
				s.sleep(35 * time.Second)
				if longest := prompt.wait(1 << 30); longest > 100*time.Millisecond {
					t.Errorf("a lead of a prompt CRM waited for %v (one in hundred %v)", longest, prompt.wait(100))
				}
			})
		})
	}
}

func (s *scene) sleep(d time.Duration) { time.Sleep(d) }

func TestSceneAProviderThatSlowsAndRecovers(t *testing.T) {
	play(t, limiter.Options{}, func(s *scene) {
		var mu sync.Mutex
		took := 100 * time.Millisecond
		set := func(d time.Duration) { mu.Lock(); took = d; mu.Unlock() }
		prompt := s.group(20, 20, 20, takes(20*time.Millisecond))
		provider := s.group(300, 1, 300, func() (limiter.Feedback, time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			return limiter.Feedback{Result: limiter.Accepted}, took
		})
		prompt.gets(100, 2*time.Minute)
		provider.gets(300, 2*time.Minute)
		s.sleep(20 * time.Second)
		prompt.forget()
		if got := provider.rate(5 * time.Second); got < 280 {
			t.Errorf("the provider got %.0f a second at first, want 300", got)
		}
		set(12 * time.Second)
		s.sleep(40 * time.Second)
		set(100 * time.Millisecond)
		s.sleep(15 * time.Second)
		if got := provider.rate(5 * time.Second); got < 290 {
			t.Errorf("the provider got %.0f a second ten seconds after it was back, want 300", got)
		}
		if longest := prompt.wait(1 << 30); longest > 100*time.Millisecond {
			t.Errorf("a lead of a prompt CRM waited for %v meanwhile", longest)
		}
	})
}

// TestSceneASlowCRMAloneGetsWhatThereIs has one that takes two seconds, and as much as one
// likes.
func TestSceneASlowCRMAloneGetsWhatThereIs(t *testing.T) {
	play(t, limiter.Options{}, func(s *scene) {
		slow := s.group(10, 10, 10, takes(2*time.Second))
		slow.gets(3000, 45*time.Second)
		s.sleep(45 * time.Second)
		if got, want := slow.rate(10*time.Second), 0.8*float64(s.opts.MaxInFlight)*7/8/2; got < want {
			t.Errorf("got %.0f a second, want %.0f", got, want)
		}
	})
}

// TestSceneABacklogForASlowProviderIsNotPutOffForLong has all leads come before it is known
// how many the provider takes.
func TestSceneABacklogForASlowProviderIsNotPutOffForLong(t *testing.T) {
	play(t, limiter.Options{}, func(s *scene) {
		slow := s.group(300, 1, 300, takes(2*time.Second))
		slow.gets(10_000, 12*time.Second)
		s.sleep(50 * time.Second)
		if got, want := slow.rate(20*time.Second), 0.8*float64(s.opts.MaxInFlight)/2; got < want {
			t.Errorf("got %.0f a second, want %.0f", got, want)
		}
	})
}

// A bucket is a provider's limit of requests a second.
type tokens struct {
	mu    sync.Mutex
	rate  float64
	level float64
	last  time.Time
}

func (k *tokens) take() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	k.level = min(k.rate, k.level+now.Sub(k.last).Seconds()*k.rate)
	if k.last = now; k.level < 1 {
		return false
	}
	k.level--
	return true
}

func TestAHostGetsTheRateThatItTakes(t *testing.T) {
	play(t, limiter.Options{}, func(s *scene) {
		prompt := s.group(20, 20, 20, takes(20*time.Millisecond))
		limit := &tokens{rate: 10, last: time.Now()}
		provider := s.group(10, 1, 10, func() (limiter.Feedback, time.Duration) {
			if limit.take() {
				return limiter.Feedback{Result: limiter.Accepted}, 50 * time.Millisecond
			}
			return limiter.Feedback{Overloaded: true}, 20 * time.Millisecond
		})
		prompt.gets(100, 2*time.Minute)
		provider.gets(50, 2*time.Minute)
		s.sleep(90 * time.Second)
		if got := provider.rate(30 * time.Second); got < 8 || got > 11 {
			t.Errorf("the provider got %.1f a second, want 8 to 11", got)
		}
		if got := provider.failures(30 * time.Second); got > 1 {
			t.Errorf("the provider refused %.1f a second, want one at most", got)
		}
		if longest := prompt.wait(1 << 30); longest > 100*time.Millisecond {
			t.Errorf("a lead of a prompt CRM waited for %v meanwhile", longest)
		}
	})
}

// TestACRMIsNotOverrun has one that takes one lead after the other, and far too many
// leads: as many attempts as it takes 15 seconds for would all time out.
func TestACRMIsNotOverrun(t *testing.T) {
	play(t, limiter.Options{}, func(s *scene) {
		var mu sync.Mutex
		var free time.Time
		var longest time.Duration
		serial := s.group(1, 1, 1, func() (limiter.Feedback, time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			if now := time.Now(); free.Before(now) {
				free = now
			}
			free = free.Add(100 * time.Millisecond)
			took := time.Until(free)
			longest = max(longest, took)
			return limiter.Feedback{Result: limiter.Accepted}, took
		})
		serial.gets(200, 2*time.Minute)
		s.sleep(time.Minute)
		if got := serial.rate(30 * time.Second); got < 9.5 {
			t.Errorf("got %.1f a second, want the ten that it takes", got)
		}
		if longest > 5*time.Second {
			t.Errorf("an answer took %v", longest)
		}
	})
}

func TestWhatIsKnownOfHostsIsKept(t *testing.T) {
	known := map[string]limiter.HostLimit{"https://crm1-0.example.com": {Attempts: 3}, "https://crm2-0.example.com": {Rate: 5}}
	play(t, limiter.Options{HostLimits: known}, func(s *scene) {
		var mu sync.Mutex
		var now, most int
		few := s.group(30, 1, 30, func() (limiter.Feedback, time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			now++
			most = max(most, now)
			time.AfterFunc(99*time.Millisecond, func() { mu.Lock(); now--; mu.Unlock() })
			return limiter.Feedback{Result: limiter.Accepted}, 100 * time.Millisecond
		})
		seldom := s.group(30, 1, 30, takes(100*time.Millisecond))
		few.gets(100, time.Minute)
		seldom.gets(100, time.Minute)
		s.sleep(30 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if most != 3 {
			t.Errorf("got %d attempts at once, want 3", most)
		}
		if got := few.rate(10 * time.Second); got < 25 {
			t.Errorf("got %.0f a second where three at once may be, want 30", got)
		}
		if got := seldom.rate(10 * time.Second); got < 4.5 || got > 5.5 {
			t.Errorf("got %.1f a second, want 5", got)
		}
	})
}

func TestWhoIsHeldBackIsTold(t *testing.T) {
	var mu sync.Mutex
	var news []string
	opts := limiter.Options{HeldBack: func(host string, began bool) {
		mu.Lock()
		defer mu.Unlock()
		news = append(news, fmt.Sprint(host, began))
	}}
	play(t, opts, func(s *scene) {
		var slow sync.Map
		slow.Store("it", true)
		g := s.group(10, 1, 10, func() (limiter.Feedback, time.Duration) {
			if is, _ := slow.Load("it"); is == true {
				return hangs()
			}
			return takes(50 * time.Millisecond)()
		})
		prompt := s.group(20, 20, 20, takes(20*time.Millisecond))
		prompt.gets(100, 2*time.Minute)
		g.gets(50, 2*time.Minute)
		s.sleep(20 * time.Second)
		stats := s.Stats()
		if len(stats.HeldBack) != 1 || stats.HostsHeldBack != 1 || stats.HeldBack[0] != g.hosts[0] {
			t.Errorf("got %v held back, want %s", stats.HeldBack, g.hosts[0])
		}
		if len(stats.Hosts) == 0 || stats.Hosts[0].Host != g.hosts[0] || stats.Old == 0 || stats.Deferred[limiter.Crowded]+stats.Deferred[limiter.Waited] == 0 {
			t.Errorf("got %+v, want %s to hold most", stats, g.hosts[0])
		}
		slow.Store("it", false)
		s.sleep(40 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if want := []string{g.hosts[0] + "true", g.hosts[0] + "false"}; !slices.Equal(news, want) {
			t.Errorf("got the news %v, want %v", news, want)
		}
		if got := s.Stats().HeldBack; len(got) > 0 {
			t.Errorf("got %v held back, want none", got)
		}
	})
}

// TestSceneAMillionWebhooksAreNotRemembered has one lead for each, and one webhook that
// failed before.
func TestSceneAMillionWebhooksAreNotRemembered(t *testing.T) {
	play(t, limiter.Options{}, func(s *scene) {
		var ticket limiter.Ticket
		failing := limiter.Request{Webhook: &lead.Webhook{ID: "failing", Advertiser: "failing"}, Host: "https://failing", Size: 1}
		for range 5 {
			acquire(t, s.Limiter, failing, &ticket)
			s.Done(&ticket, limiter.Feedback{Result: limiter.Failed})
		}
		for n := range 1_000_000 {
			hook := &lead.Webhook{ID: fmt.Sprint(n), Advertiser: fmt.Sprint(n / 2)}
			acquire(t, s.Limiter, limiter.Request{Webhook: hook, Host: fmt.Sprint("https://", n/10), Size: 1}, &ticket)
			s.Done(&ticket, limiter.Feedback{Result: limiter.Accepted, Took: time.Millisecond})
		}
		if webhooks, hosts := s.Known(); webhooks > 33_000 || hosts > webhooks {
			t.Errorf("got %d webhooks and %d hosts remembered, want 33,000 at most", webhooks, hosts)
		}
		if notBefore, err := s.Acquire(t.Context(), failing, &ticket); err != nil || notBefore.IsZero() {
			t.Errorf("the one that fails: got %v, %v, want it deferred: it was used more often than the others", notBefore, err)
		}
	})
}
