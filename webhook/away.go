package webhook

import (
	"fmt"
	"sync"
	"time"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/shares"
)

// What waits for one share that cannot be used is at most 1/waitingShare of what the
// callers handle at once, and what waits for all such shares 1/allWaitingShare of it.
const waitingShare, allWaitingShare = 16, 2

// patience is how long a look-up waits for a share while others can be used.
const patience = 3 * time.Second

// waits are the look-ups that wait for their share.
type waits struct {
	mu    sync.Mutex
	of    [shares.Count]int       // guarded by mu: how many, by share
	all   int                     // guarded by mu
	since [shares.Count]time.Time // guarded by mu: when a share was first waited for since it worked last
}

// enter counts a look-up that waits for a share.
func (w *waits) enter(share int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of[share]++; w.since[share].IsZero() {
		w.since[share] = time.Now()
	}
	w.all++
}

// leave notes that a look-up no longer waits.
func (w *waits) leave(share int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all--
	if w.of[share]--; w.of[share] == 0 {
		w.since[share] = time.Time{}
	}
}

// works notes that a share works.
func (w *waits) works(share int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since[share] = time.Time{}
}

// tooMany reports whether a share was waited for too long, or too many look-ups wait for
// it, if open is how many there may be at once. The caller must have entered.
func (w *waits) tooMany(share, open int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Since(w.since[share]) >= patience ||
		open > 0 && (w.of[share] > max(1, open/waitingShare) || w.all > max(1, open/allWaitingShare))
}

// Unreadable names each share of the webhooks in Redis that cannot be read, since when, and
// why. It does not block.
func (c *Cache) Unreadable() []string {
	var lines []string
	states, _ := c.follower.Shares()
	for n := range states {
		if since := c.follower.UnreadableSince(n); states[n].Err != nil && !since.IsZero() {
			lines = append(lines, fmt.Sprintf("share %d of %d since %s: %v", n, shares.Count, since.UTC().Format(time.RFC3339), states[n].Err))
		}
	}
	return lines
}

// longestUnreadable returns for how long the share has been unreadable that is so longest,
// in seconds, and zero if none is.
func (c *Cache) longestUnreadable() float64 {
	longest := time.Duration(0)
	for n := range shares.Count {
		if since := c.follower.UnreadableSince(n); !since.IsZero() {
			longest = max(longest, time.Since(since))
		}
	}
	return longest.Seconds()
}

// putsOff returns an error that is [lead.ErrAway] if a look-up of an advertiser must not
// wait any longer for its share, and otherwise nil. If most shares cannot be used, Redis is
// away or is being filled, and look-ups wait: the topics of Kafka are no place for all
// leads.
func (c *Cache) putsOff(share int, end int64) error {
	if alwaysWaits || !c.waits.tooMany(share, c.opts.OpenEvents) {
		return nil
	}
	states, _ := c.follower.Shares()
	unusable := 0
	for n := range states {
		if states[n].Err != nil || states[n].Applied < end {
			unusable++
		}
	}
	if unusable > shares.Count/2 {
		return nil
	}
	return fmt.Errorf("share %d of the webhooks in Redis: %w", share, lead.ErrAway)
}
