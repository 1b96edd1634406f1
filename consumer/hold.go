package consumer

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/wait"
)

// holdLimit is for how long a partition whose commits are held up is read on. What was
// done behind the message that holds them up is remembered for twice as long: the rest
// is for whoever corrects it, and restarts this instance.
func (c *Consumer) holdLimit() time.Duration { return c.opts.Retention / 2 }

// heldSince returns since when messages may be settled that cannot be committed, and
// false if there are none.
func (p *partition) heldSince() (time.Time, bool) {
	at := p.window.committable()
	if _, open := p.window.oldest(); !open && at >= p.trail.doneTo {
		return time.Time{}, false
	}
	return p.trail.readAt(at), true
}

// heldFrom returns since when the partition is read no further.
func (p *partition) heldFrom() time.Time {
	since, held := p.heldSince()
	if !held {
		return time.Now()
	}
	return since.Add(p.s.c.holdLimit())
}

// checkHold decides whether the partition is read further. Once it is not, the message
// that holds it up must be settled. A message that was open for a moment only does not
// hold it up, however long ago those behind it were settled.
func (p *partition) checkHold(now time.Time) {
	offset := p.window.committable()
	was := p.held.Load()
	held := was && offset == p.heldAt
	if since, open := p.window.oldest(); !held && open && now.Sub(since) > p.s.c.commitAgainAfter() {
		settled, _ := p.heldSince()
		held = now.Sub(settled) > p.s.c.holdLimit()
	}
	if held == was {
		return
	}
	p.heldAt = offset
	p.held.Store(held)
	at := []zap.Field{zap.String("topic", p.topic), zap.Int("partition", p.number), zap.Int64("offset", offset)}
	if since, _ := p.heldSince(); held {
		p.s.c.log.Error("partition is read no further: an event has held up its commits for too long",
			append(at, zap.Time("since", since))...)
	} else {
		p.s.c.log.Info("partition is read again", at...)
	}
}

// awaitHold blocks while the partition is to be read no further, except for the message
// that holds it up. It returns false if fetching ended first.
func (p *partition) awaitHold(fetching context.Context) bool {
	const again = 100 * time.Millisecond
	for p.held.Load() {
		if _, open := p.window.oldest(); !open {
			return true
		}
		timer := time.NewTimer(again)
		select {
		case <-p.grown:
		case <-timer.C:
		case <-fetching.Done():
			return false
		}
		timer.Stop()
	}
	return true
}

// awaitRoom blocks while so much waits for what the partition's messages need that no more
// should be opened: it would take the room of all other partitions. It returns false if
// fetching ended first.
func (p *partition) awaitRoom(fetching context.Context) bool {
	const again = 10 * time.Millisecond
	for p.s.c.opts.Full != nil && p.s.c.opts.Full(p.number) {
		if !wait.For(fetching, again) {
			return false
		}
	}
	return true
}
