package ledger

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/wait"
)

const (
	// Between attempts to reach a Redis that is away it waits, for ever: soon at
	// first, then once a second. What was well for longer than wellFor begins anew.
	soon, seldom = 50 * time.Millisecond, time.Second
	wellFor      = 5 * time.Second
)

// partsAway knows which parts of Redis do not answer, so that nobody waits for
// them. A round trip may find out that one does not; only a probe finds out
// that it does again.
type partsAway struct {
	alarm chan struct{} // holds a token when a probe is due

	mu     sync.Mutex
	causes [shares]error // guarded by mu; nil: the part answers, or was not asked yet
}

func newPartsAway() partsAway { return partsAway{alarm: make(chan struct{}, 1)} }

func (a *partsAway) is(part int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.causes[part] != nil
}

func (a *partsAway) lost(part int, cause error) {
	a.mu.Lock()
	a.causes[part] = cause
	a.mu.Unlock()
	a.suspect()
}

// suspect has all parts probed.
func (a *partsAway) suspect() { drop(a.alarm) }

func (a *partsAway) set(causes [shares]error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.causes = causes
}

// cause is why some part does not answer; nil: all do.
func (a *partsAway) cause() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, cause := range a.causes {
		if cause != nil {
			return cause
		}
	}
	return nil
}

// watchParts probes the parts when something went wrong, until all answer, and
// says when that changes. Parts that probes find well and round trips do not
// are probed no faster than those that are away.
func (l *Ledger) watchParts(ctx context.Context) {
	retry := wait.Endless(soon, seldom)
	for said := false; ; {
		began := time.Now()
		if !said {
			select {
			case <-l.away.alarm:
			case <-ctx.Done():
				return
			}
		}
		if time.Since(began) > wellFor {
			retry.Reset()
		}
		said = l.say(said)
		if !wait.For(ctx, retry.NextBackOff()) {
			return
		}
		l.probeParts(ctx)
		said = l.say(said)
	}
}

// say logs whether parts are away, if that is not what was said before.
func (l *Ledger) say(before bool) bool {
	cause := l.away.cause()
	switch {
	case cause != nil && !before:
		l.log.Warn("the ledger cannot be read: deliveries go on without it, what comes twice may be delivered twice",
			zap.Error(cause))
	case cause == nil && before:
		l.log.Info("the ledger can be read")
	}
	return cause != nil
}

// probeParts asks each part what a look-up asks.
func (l *Ledger) probeParts(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	answers := make([]*redis.Cmd, l.shelves.parts)
	_, _ = l.rdb.Pipelined(limited, func(p redis.Pipeliner) error {
		for n := range answers {
			answers[n] = p.Eval(limited, reachedScript, []string{"leadhook:{" + strconv.Itoa(n) + "}:ledger:probe"}, "")
		}
		return nil
	})
	var causes [shares]error
	for n, answer := range answers {
		causes[n] = failure(answer)
	}
	if ctx.Err() == nil {
		l.away.set(causes)
	}
}
