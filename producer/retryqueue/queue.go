package retryqueue

import (
	"context"
	"errors"
	"slices"
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
// If the partition of that topic is away (see [producer.Publisher.Offer]), the delivery
// goes to another retry topic: one with a shorter delay, or else one with a longer one,
// so that it is late by ten minutes more at most.
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

// publish publishes to the topic that fits best of those whose partition takes records.
func (q *Queue) publish(ctx context.Context, w *lead.Waiting) (topic string, err error) {
	for {
		fitting := fitting(q.delays, time.Until(w.NotBefore))
		for _, delay := range fitting {
			topic = topics.RetryName(q.live, delay)
			if err = q.publisher.Offer(ctx, Record(topic, w)); !errors.Is(err, lead.ErrAway) {
				return topic, err
			}
			q.metrics.away.WithLabelValues(topic).Inc()
		}
		topic = topics.RetryName(q.live, fitting[0])
		if err = q.persist(ctx, Record(topic, w)); !errors.Is(err, errNoneTakes) {
			return topic, err
		}
	}
}

// persisting is how long a delivery that no topic takes waits for the best of them
// before the others are tried again.
const persisting = 5 * time.Second

var errNoneTakes = errors.New("no retry topic takes the delivery")

// persist publishes a record to a partition that is away, as soon as it is back. The
// error is errNoneTakes if that takes long.
func (q *Queue) persist(ctx context.Context, r producer.Record) error {
	ctx, cancel := context.WithTimeoutCause(ctx, persisting, errNoneTakes)
	defer cancel()
	return q.publisher.Publish(ctx, r)
}

// latest is by how much a delivery may be late since the topics that fit better are away.
const latest = 10 * time.Minute

// fitting returns the delays of the topics for a delivery that still has to wait for
// wait, the best first. From shorter delays it comes back too early and is forwarded.
func fitting(delays []time.Duration, wait time.Duration) []time.Duration {
	best := slices.Index(delays, next(delays, wait))
	all := slices.Clone(delays[:best+1])
	slices.Reverse(all)
	for _, delay := range delays[best+1:] {
		if delay-max(wait, 0) <= latest {
			all = append(all, delay)
		}
	}
	return all
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

// Record encodes what waits as a record of a retry topic. Its partition has the number of
// the event's own, so that one instance handles everything of an advertiser. Its key is
// the advertiser's id, or the event's own key if the event did not become a delivery.
func Record(topic string, w *lead.Waiting) producer.Record {
	key := w.Message.Key
	if w.Delivery != "" {
		key = []byte(w.Advertiser)
	}
	return producer.Record{
		Topic: topic, Partition: w.Message.Partition, Key: key, Value: w.Message.Value, Headers: record.WaitingHeaders(w),
	}
}
