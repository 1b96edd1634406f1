package limiter_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/leadhook/leadhook/dispatch/limiter"
)

// These scenes are about webhooks whose own CRM is well, and that something else could
// hold up all the same.

// oneIn returns answers of which one in so many is a's, and the others are b's.
func oneIn(many int, a, b func() (limiter.Feedback, time.Duration)) func() (limiter.Feedback, time.Duration) {
	return func() (limiter.Feedback, time.Duration) {
		if rand.N(many) == 0 {
			return a()
		}
		return b()
	}
}

// crowds adds slow CRMs that use every attempt that they may, and waits until they do.
func (s *scene) crowds(d time.Duration) {
	s.group(400, 400, 400, takes(12*time.Second)).gets(600, d)
	s.sleep(40 * time.Second)
	if got := s.Stats(); got.Free > s.opts.MaxInFlight/5 {
		s.t.Fatalf("got %d attempts free, want the crowd to use them", got.Free)
	}
}

func TestSceneAWebhookThatFailedIsTriedBesideACrowd(t *testing.T) {
	play(t, limiter.Options{}, func(s *scene) {
		var broken atomic.Bool
		failed := s.group(20, 20, 20, func() (limiter.Feedback, time.Duration) {
			if broken.Load() {
				return limiter.Feedback{}, 20 * time.Millisecond
			}
			return takes(20 * time.Millisecond)()
		})
		failed.gets(20, 2*time.Minute)
		s.crowds(2 * time.Minute)
		broken.Store(true)
		s.sleep(10 * time.Second)
		broken.Store(false)
		s.sleep(40 * time.Second)
		failed.forget()
		s.sleep(20 * time.Second)
		if got := failed.rate(20 * time.Second); got < 15 {
			t.Errorf("got %.1f a second half a minute after the outage, want 20", got)
		}
	})
}

// TestSceneANewWebhookOfABusyHostBegins has one at a provider that holds more attempts than
// each of the slow ones.
func TestSceneANewWebhookOfABusyHostBegins(t *testing.T) {
	play(t, limiter.Options{}, func(s *scene) {
		busy := s.group(300, 1, 300, takes(100*time.Millisecond))
		added := s.group(5, 1, 5, takes(50*time.Millisecond))
		for i := range added.hosts {
			added.hosts[i] = busy.hosts[0]
		}
		busy.gets(1000, 90*time.Second)
		s.crowds(90 * time.Second)
		added.gets(5, 40*time.Second)
		s.sleep(40 * time.Second)
		if got := added.rate(20 * time.Second); got < 4 {
			t.Errorf("got %.1f a second, want 5", got)
		}
	})
}

// TestScenePromptCRMsKeepTheirAttemptsBesideACrowd has what is prompt and does not fit into the
// reserve, or may not use it: a provider that needs many attempts, and CRMs that take
// longer than a second at times.
func TestScenePromptCRMsKeepTheirAttemptsBesideACrowd(t *testing.T) {
	provider := takes(300 * time.Millisecond)
	atTimes := oneIn(100, takes(1500*time.Millisecond), takes(50*time.Millisecond))
	for _, c := range []struct {
		name            string
		webhooks, hosts int
		perSecond       float64
		answers         func() (limiter.Feedback, time.Duration)
	}{
		{"a provider", 300, 1, 1500, provider},
		{"slow at times", 40, 40, 200, atTimes},
		{"busy, and slow at times", 4, 4, 400, atTimes},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			play(t, limiter.Options{}, func(s *scene) {
				prompt := s.group(c.webhooks, c.hosts, c.webhooks, c.answers)
				prompt.gets(c.perSecond, 75*time.Second)
				s.sleep(10 * time.Second)
				s.crowds(2 * time.Minute)
				prompt.forget()
				s.sleep(20 * time.Second)
				if got := prompt.wait(100); got > 300*time.Millisecond {
					t.Errorf("one lead in hundred waited for %v (the longest %v)", got, prompt.wait(1<<30))
				}
			})
		})
	}
}

func TestSceneAHostWithOneThatHangsIsPromptBesideACrowd(t *testing.T) {
	play(t, limiter.Options{}, func(s *scene) {
		good := s.group(100, 1, 100, takes(100*time.Millisecond))
		hanging := s.group(1, 1, 1, hangs)
		hanging.hosts[0] = good.hosts[0]
		good.gets(50, 75*time.Second)
		hanging.gets(1, 75*time.Second)
		s.sleep(5 * time.Second)
		s.crowds(2 * time.Minute)
		good.forget()
		s.sleep(20 * time.Second)
		if got := good.wait(100); got > 300*time.Millisecond {
			t.Errorf("one lead in hundred waited for %v (the longest %v)", got, good.wait(1<<30))
		}
	})
}

// TestSomeThatHangDoNotStopTheirHost has webhooks that get a lead a minute, on a host where
// those of others hang.
func TestSomeThatHangDoNotStopTheirHost(t *testing.T) {
	for _, hanging := range []int{1, 10, 100, 1000} {
		t.Run(fmt.Sprint(hanging), func(t *testing.T) {
			t.Parallel()
			play(t, limiter.Options{}, func(s *scene) {
				good := s.group(100, 1, 100, takes(100*time.Millisecond))
				bad := s.group(hanging, 1, 10, hangs)
				for i := range bad.hosts {
					bad.hosts[i] = good.hosts[0]
				}
				good.gets(2, 4*time.Minute)
				s.sleep(2 * time.Minute)
				good.forget()
				bad.gets(20, 2*time.Minute)
				s.sleep(100 * time.Second)
				if got := good.wait(1 << 30); got > time.Second {
					t.Errorf("a lead waited for %v (half of them %v)", got, good.wait(2))
				}
			})
		})
	}
}

// TestSceneSomeThatRefuseAllDoNotSlowTheirHost has three advertisers whose webhooks answer 429
// whatever they get, as those of a provider that answers for its customers can.
func TestSceneSomeThatRefuseAllDoNotSlowTheirHost(t *testing.T) {
	play(t, limiter.Options{}, func(s *scene) {
		good := s.group(100, 1, 100, takes(100*time.Millisecond))
		refusing := s.group(300, 1, 3, func() (limiter.Feedback, time.Duration) {
			return limiter.Feedback{Overloaded: true}, 20 * time.Millisecond
		})
		for i := range refusing.hosts {
			refusing.hosts[i] = good.hosts[0]
		}
		good.gets(50, 3*time.Minute)
		s.sleep(10 * time.Second)
		refusing.gets(100, 3*time.Minute)
		good.forget()
		s.sleep(time.Minute)
		if got := good.rate(time.Minute); got < 45 {
			t.Errorf("got %.0f a second, want 50", got)
		}
		if got := good.wait(2); got > time.Second {
			t.Errorf("half of the leads waited for %v", got)
		}
	})
}

// TestSceneManyPromptHostsThatHangTogetherLeaveSome has one advertiser, with as many webhooks as
// one may have, whose CRMs answer promptly, get very much, and hang from one moment on.
func TestSceneManyPromptHostsThatHangTogetherLeaveSome(t *testing.T) {
	play(t, limiter.Options{}, func(s *scene) {
		var hanging atomic.Bool
		many := s.group(100, 100, 1, func() (limiter.Feedback, time.Duration) {
			if hanging.Load() {
				return hangs()
			}
			return takes(900 * time.Millisecond)()
		})
		prompt := s.group(20, 20, 20, takes(20*time.Millisecond))
		prompt.gets(100, time.Minute)
		many.gets(4000, time.Minute)
		s.sleep(20 * time.Second)
		prompt.forget()
		hanging.Store(true)
		s.sleep(20 * time.Second)
		if got := prompt.wait(1 << 30); got > 100*time.Millisecond {
			t.Errorf("a lead of a prompt CRM waited for %v (half of them %v)", got, prompt.wait(2))
		}
	})
}

// TestSceneHostsThatHangAtTimesDoNotCountAsPrompt has many that hang for one lead in ten, beside
// CRMs that take somewhat longer than a second at times.
func TestSceneHostsThatHangAtTimesDoNotCountAsPrompt(t *testing.T) {
	play(t, limiter.Options{}, func(s *scene) {
		prompt := s.group(20, 20, 20, oneIn(100, takes(1500*time.Millisecond), takes(50*time.Millisecond)))
		slow := s.group(5, 5, 5, takes(2*time.Second))
		prompt.gets(100, time.Minute)
		slow.gets(5, time.Minute)
		s.group(400, 400, 400, oneIn(10, hangs, takes(20*time.Millisecond))).gets(4000, time.Minute)
		s.sleep(30 * time.Second)
		prompt.forget()
		slow.forget()
		s.sleep(30 * time.Second)
		if got := prompt.wait(100); got > 300*time.Millisecond {
			t.Errorf("one lead in hundred of prompt CRMs waited for %v", got)
		}
		if got := slow.wait(2); got > 2*time.Second {
			t.Errorf("half of the leads of slow CRMs waited for %v", got)
		}
	})
}

// TestLargeLeadsForThoseThatHangLeaveRoom has the caller's memory used by leads of 1 MiB:
// what is open is bounded before the limiter is asked, so that nobody else would come to ask.
func TestLargeLeadsForThoseThatHangLeaveRoom(t *testing.T) {
	play(t, limiter.Options{}, func(s *scene) {
		prompt := s.group(20, 20, 20, takes(20*time.Millisecond))
		hanging := s.group(48, 48, 48, hangs)
		prompt.gets(100, 10*time.Second)
		s.sleep(10 * time.Second)
		room := semaphore.NewWeighted(int64(s.opts.OpenBytes) * 3 / 4)
		var longest atomic.Int64
		come := func(g *group, n, size int) {
			came := time.Now()
			if room.Acquire(s.ctx, int64(size)) != nil {
				return
			}
			defer room.Release(int64(size))
			if g == prompt {
				longest.Store(max(longest.Load(), int64(time.Since(came))))
			}
			var ticket limiter.Ticket
			r := limiter.Request{Webhook: g.hooks[n%len(g.hooks)], Host: g.hosts[n%len(g.hosts)], Size: size}
			if notBefore, err := s.Acquire(s.ctx, r, &ticket); err == nil && notBefore.IsZero() {
				g.attempt(came, &ticket)
			}
		}
		for n := range 3000 {
			s.all.Go(func() { come(prompt, n, 1000) })
			if n%10 == 0 {
				s.all.Go(func() { come(hanging, n/10, 1<<20) })
			}
			s.sleep(10 * time.Millisecond)
		}
		if got := time.Duration(longest.Load()); got > 100*time.Millisecond {
			t.Errorf("a lead of a prompt CRM waited for %v until it could ask", got)
		}
	})
}
