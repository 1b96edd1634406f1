package producer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/topics"
)

// The waits before a batch that Kafka did not take is sent again.
const (
	firstWait   = 100 * time.Millisecond
	longestWait = 4 * time.Second
)

// A method of sending tries once to send a batch to a partition. It returns the
// records that are acknowledged; it has taken care of the others. An error means
// that the whole batch is to be tried again.
type method func(ctx context.Context, to topics.Partition, batch []*waiter) (acknowledged []*waiter, err error)

// send retries until each record of the batch has an answer or its caller no
// longer waits for it.
func (p *Publisher) send(to topics.Partition, batch []*waiter, try method) {
	backOff := wait.Endless(firstWait, longestWait)
	current := &stall{at: to, since: time.Now()}
	for batch = wanted(batch); len(batch) > 0; batch = wanted(batch) {
		acknowledged, err := try(p.ctx, to, batch)
		if err == nil {
			p.stalls.recovered(current) // first, so that Ready is nil when Publish returns
			answer(acknowledged, nil)
			return
		}
		if p.ctx.Err() != nil {
			answer(batch, errClosed)
			break
		}
		p.metrics.failures.WithLabelValues(to.Topic).Inc()
		cause := to.Explain(err, p.brokers)
		p.stalls.failed(current, cause)
		batch = fail(batch, cause, isFinal(err))
		wait.For(p.ctx, backOff.NextBackOff())
	}
	p.stalls.abandoned(current)
}

// wanted returns the records of the batch whose callers still wait.
func wanted(batch []*waiter) []*waiter {
	kept := make([]*waiter, 0, len(batch))
	for _, w := range batch {
		if w.ctx.Err() == nil {
			kept = append(kept, w)
		}
	}
	return kept
}

// fail notes with each record why it was not sent. It answers those that may
// fail if the cause is final, and returns the others.
func fail(batch []*waiter, cause error, final bool) []*waiter {
	var kept []*waiter
	for _, w := range batch {
		w.failed.Store(&cause)
		if final && w.mayFail {
			w.done <- fmt.Errorf("publishing to %s: %w", w.record.Topic, cause)
			continue
		}
		kept = append(kept, w)
	}
	return kept
}

func answer(batch []*waiter, err error) {
	for _, w := range batch {
		w.done <- err
	}
}

// isFinal reports whether the broker refuses what was asked, and would refuse it
// again; otherwise it was only unable to do it now.
func isFinal(err error) bool {
	refused, ok := errors.AsType[kafka.Error](err)
	return ok && !refused.Temporary()
}
