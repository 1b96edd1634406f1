// Package clock tells whether this machine's clock can be believed, by comparing it with
// those of other machines and with how much time has passed since.
package clock

import (
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"
)

// Tolerated is how far two clocks may differ and still agree.
const Tolerated = time.Minute

// A Clock compares this machine's clock with others. It is safe for concurrent use.
type Clock struct {
	log  *zap.Logger
	skew *prometheus.GaugeVec

	mu     sync.Mutex
	agreed time.Time       // when this clock was right, with a monotonic reading; zero: never. Guarded by mu
	ever   bool            // another clock has agreed; guarded by mu
	off    map[string]bool // which clocks did not agree when they were last compared; guarded by mu
}

// New returns a Clock that registers its metric with reg.
func New(reg prometheus.Registerer, log *zap.Logger) *Clock {
	return &Clock{
		log: log.Named("clock"), agreed: time.Now(), off: make(map[string]bool),
		skew: promauto.With(reg).NewGaugeVec(prometheus.GaugeOpts{
			Name: "leadhook_clock_skew_seconds",
			Help: "How far this machine's clock is ahead of another one, when it was last compared. Negative: behind.",
		}, []string{"of"}),
	}
}

// Compare notes what another machine's clock showed at a moment between asked and
// answered. It logs when that clock begins or ceases to differ by more than [Tolerated].
// Of names are few.
func (c *Clock) Compare(of string, theirs, asked, answered time.Time) {
	// Both readings of this clock are of the wall: it may have been set in between.
	ahead := asked.Round(0).Add(answered.Sub(asked) / 2).Sub(theirs.Round(0))
	c.skew.WithLabelValues(of).Set(ahead.Seconds())
	agrees := ahead.Abs() <= Tolerated+answered.Sub(asked)/2
	c.mu.Lock()
	was := c.off[of]
	c.off[of] = !agrees
	if agrees {
		c.agreed, c.ever = answered, true
	} else if !c.ever {
		c.agreed = time.Time{}
	}
	c.mu.Unlock()
	switch fields := []zap.Field{zap.String("of", of), zap.Duration("ahead", ahead.Round(time.Second))}; {
	case !agrees && !was:
		c.log.Error("this machine's clock differs from another; until one agrees, no delivery expires and no webhook is disabled for failing long:"+
			" set the clock that is wrong, and have time synchronised", fields...)
	case agrees && was:
		c.log.Info("this machine's clock agrees with the other again", fields...)
	}
}

// Believed reports whether another clock has agreed with this one, or none was compared
// yet, and this one was not set since then, or since New, by more than [Tolerated]. It does
// not block.
func (c *Clock) Believed() bool {
	c.mu.Lock()
	agreed := c.agreed
	c.mu.Unlock()
	return !agreed.IsZero() && jumped(agreed, time.Now()) <= Tolerated
}

// jumped returns how much more or less time passed on the wall clock than really passed.
func jumped(since, now time.Time) time.Duration {
	return (now.Round(0).Sub(since.Round(0)) - now.Sub(since)).Abs()
}

// Notes says which clocks differ; nothing if none does.
func (c *Clock) Notes() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var notes []string
	for of, differs := range c.off {
		if differs {
			notes = append(notes, fmt.Sprintf("this machine's clock differs from that of %s by more than %v", of, Tolerated))
		}
	}
	return notes
}
