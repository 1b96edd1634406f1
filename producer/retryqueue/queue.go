package retryqueue

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/record"
	"github.com/leadhook/leadhook/producer"
	"github.com/leadhook/leadhook/topics"
)

// A Queue is where deliveries wait for their next attempt: the retry topics. All
// records of such a topic wait equally long, so that its first record is always
// the next that is due. A wait that matches no topic goes through several, one
// after the other. A Queue is safe for concurrent use.
type Queue struct {
	publisher *producer.Publisher
	live      string
	delays    []time.Duration
	metrics   *metrics
}

// New returns a Queue of the live topic's retry topics with the given delays: at
// least one, ascending. Each topic must exist, with as many partitions as the live
// topic. New registers its metrics with r, which therefore takes one Queue only; with
// a nil r they are registered nowhere.
func New(p *producer.Publisher, live string, delays []time.Duration, r prometheus.Registerer) *Queue {
	return &Queue{publisher: p, live: live, delays: delays, metrics: newMetrics(r)}
}

// Schedule makes a delivery wait until its NotBefore, or for the first part of
// that time: whoever reads it back checks whether its wait is over, and calls
// [Queue.Forward] if it is not. The delivery is never due too early. It is late by
// at most 10 seconds or a fifth of the wait, whichever is more, if the delays allow
// for that.
//
// It blocks until all in-sync replicas have the delivery. It retries for ever, and
// returns nil or, if ctx ends first, [context.Cause]. With an error the delivery may
// have been published nonetheless; it may also be published twice.
// [producer.Publisher.Ready] returns what keeps it from being published.
func (q *Queue) Schedule(ctx context.Context, w *lead.Waiting) error {
	topic, err := q.publish(ctx, w)
	if err == nil {
		q.metrics.scheduled.WithLabelValues(topic).Inc()
	}
	return err
}

// Forward is [Queue.Schedule] for a delivery that was read back before its wait was
// over. Only the metrics differ.
func (q *Queue) Forward(ctx context.Context, w *lead.Waiting) error {
	_, err := q.publish(ctx, w)
	if err == nil {
		q.metrics.forwarded.Inc()
	}
	return err
}

func (q *Queue) publish(ctx context.Context, w *lead.Waiting) (topic string, err error) {
	topic = topics.RetryName(q.live, next(q.delays, time.Until(w.NotBefore)))
	return topic, q.publisher.Publish(ctx, Record(topic, w))
}

// next returns the delay of the topic for a delivery that still has to wait for
// wait: the shortest delay that is long enough, if it is not too long by more than
// is tolerable. Otherwise it returns the longest shorter delay, after which the
// delivery is forwarded, or the first delay if none is shorter.
func next(delays []time.Duration, wait time.Duration) time.Duration {
	wait = max(wait, 0)
	tolerable := max(10*time.Second, wait/5)
	best := delays[0]
	for _, delay := range delays {
		if delay < wait {
			best = delay
			continue
		}
		if delay-wait <= tolerable {
			best = delay
		}
		break
	}
	return best
}

// Record encodes a waiting delivery as a record of a retry topic. Its partition has
// the number of the event's own, so that one instance handles everything of an
// advertiser. Its key is the advertiser's id.
func Record(topic string, w *lead.Waiting) producer.Record {
	return producer.Record{
		Topic: topic, Partition: w.Message.Partition, Key: []byte(w.Advertiser), Value: w.Message.Value,
		Headers: record.WaitingHeaders(w),
	}
}
