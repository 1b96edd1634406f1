package limiter

import (
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/leadhook/leadhook/lead"
)

// A gate lets so many attempts a second through. The zero value lets all through.
type gate struct {
	limiter *rate.Limiter // nil: all may pass
	timer   *time.Timer   // opens it; nil: nobody waits for that
}

// set sets the rate; zero means none.
func (g *gate) set(perSecond float64, now time.Time) {
	if g.stop(); perSecond == 0 {
		g.limiter = nil
		return
	}
	const smooth = 20 // bursts a second
	perSecond = boundedRate(perSecond)
	burst := max(1, int(perSecond/smooth))
	if g.limiter == nil {
		g.limiter = rate.NewLimiter(rate.Limit(perSecond), burst)
		return
	}
	g.limiter.SetLimitAt(now, rate.Limit(perSecond))
	g.limiter.SetBurstAt(now, burst)
}

// boundedRate returns the nearest rate that a webhook may have. Whoever stores
// webhooks checks that too; here it keeps the arithmetic from overflowing, which
// would stop every webhook and not this one alone.
func boundedRate(perSecond float64) float64 {
	if !(perSecond >= lead.MinRate) { // NaN too
		return lead.MinRate
	}
	return min(perSecond, lead.MaxRate)
}

// open reports whether an attempt may pass. If not and nobody waits for it yet, it
// calls again when one may.
func (g *gate) open(now time.Time, again func()) bool {
	if g.allows(now) {
		return true
	}
	if g.timer == nil {
		missing := 1 - g.limiter.TokensAt(now)
		g.timer = time.AfterFunc(max(inSeconds(missing/float64(g.limiter.Limit())), time.Microsecond), again)
	}
	return false
}

// allows reports whether an attempt may pass.
func (g *gate) allows(now time.Time) bool {
	return g.limiter == nil || g.limiter.TokensAt(now) >= 1
}

// pass counts an attempt.
func (g *gate) pass(now time.Time) {
	if g.limiter != nil {
		g.limiter.AllowN(now, 1)
	}
}

// stop has nobody wait any more.
func (g *gate) stop() {
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
}

// inSeconds converts seconds. What no duration can hold is the longest one: the
// plain conversion may make it a negative one, as if there were nothing to wait for.
func inSeconds(seconds float64) time.Duration {
	if d := seconds * float64(time.Second); d < math.MaxInt64 {
		return time.Duration(d)
	}
	return math.MaxInt64
}
