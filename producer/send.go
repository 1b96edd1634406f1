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

// A method is a way of sending a batch to a partition, once. It returns the records
// that are acknowledged; the others it has passed on, and the caller is done with
// them. An error means that the whole batch must be tried again, except that errSplit
// means that the caller is done with all of it.
type method func(ctx context.Context, to topics.Partition, batch []*waiter) (acknowledged []*waiter, err error)

// errSplit is the error of a batch whose parts were sent by themselves, and had their
// answers or were given up.
var errSplit = errors.New("the batch was sent in parts")

// send retries until each record of the batch has an answer or its caller no
// longer waits for it. The stall is that of the partition, or of the one record in the
// batch that Kafka does not take although it takes others.
func (p *Publisher) send(s *stall, batch []*waiter, try method) {
	backOff := wait.Endless(firstWait, longestWait)
	began := time.Now()
	for batch = wanted(batch); len(batch) > 0; batch = wanted(batch) {
		acknowledged, err := try(p.ctx, s.at, batch)
		if err == nil {
			p.stalls.recovered(s) // first, so that Ready is nil when Publish returns
			answer(acknowledged, nil)
			return
		}
		if errors.Is(err, errSplit) {
			return
		}
		if p.ctx.Err() != nil {
			answer(batch, errClosed)
			break
		}
		p.metrics.failures.WithLabelValues(s.at.Topic).Inc()
		cause := s.at.Explain(err, p.brokers)
		since := p.stalls.failed(s, began, err, cause)
		batch = fail(batch, cause, isFinal(err))
		if time.Since(since) >= patience {
			batch = p.moveOn(s, batch, cause)
		}
		if len(batch) > 0 {
			wait.For(p.ctx, backOff.NextBackOff())
		}
	}
	p.stalls.abandoned(s)
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

// fail notes in each record why it was not sent. If the cause is final, it answers
// the records that may fail. It returns the records that are still to be sent.
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

// answer ends the wait for each record of the batch.
func answer(batch []*waiter, err error) {
	for _, w := range batch {
		w.done <- err
	}
}

// isFinal reports whether the broker refused the request and would refuse it again.
// With any other error it was only unable to serve it now.
func isFinal(err error) bool {
	refused, ok := errors.AsType[kafka.Error](err)
	return ok && !refused.Temporary()
}
