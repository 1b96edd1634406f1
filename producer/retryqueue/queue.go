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

// HeadSlack is how much longer than its topic's delay the head of a retry topic
// may wait, so that a wait which is nearly over ends there and not in one more
// topic. Those behind it are late by that much at most.
const HeadSlack = time.Second

// A Wheel is where deliveries wait for their next attempt: the retry topics, in
// each of which all records wait equally long, so that the first is always the
// next that is due. A wait that no topic fits is several topics one after the
// other. It may be used by many goroutines at once.
type Wheel struct {
	publisher *producer.Publisher
	live      string
	delays    []time.Duration
	metrics   *metrics
}

// NewWheel returns a Wheel of the live topic's retry topics with these delays:
// at least one, ascending. Each must exist, with as many partitions as the live
// topic. Its metrics go to r, once per r; nil: nowhere.
func NewWheel(p *producer.Publisher, live string, delays []time.Duration, r prometheus.Registerer) *Wheel {
	return &Wheel{publisher: p, live: live, delays: delays, metrics: newMetrics(r)}
}

// Schedule lets a delivery wait until its NotBefore, or for the first part of that
// time: whoever reads it back looks whether its wait is over, and otherwise
// calls [Wheel.Forward]. It never waits too short, and too long by 10 seconds or a
// fifth of the time, whichever is more, where the delays allow for it.
//
// It blocks until all in-sync replicas have the delivery. It tries for ever,
// and returns nil or, when ctx ends first, [context.Cause]; the delivery may
// have been published nonetheless, and may be published twice. What keeps it
// from succeeding [producer.Publisher.Ready] says.
func (w *Wheel) Schedule(ctx context.Context, d *lead.Waiting) error {
	topic, err := w.put(ctx, d)
	if err == nil {
		w.metrics.parked.WithLabelValues(topic).Inc()
	}
	return err
}

// Forward is Schedule for a delivery that was read back before its wait was over. Only
// the metrics tell them apart.
func (w *Wheel) Forward(ctx context.Context, d *lead.Waiting) error {
	_, err := w.put(ctx, d)
	if err == nil {
		w.metrics.hops.Inc()
	}
	return err
}

func (w *Wheel) put(ctx context.Context, d *lead.Waiting) (topic string, err error) {
	topic = topics.RetryName(w.live, next(w.delays, time.Until(d.NotBefore)))
	return topic, w.publisher.Publish(ctx, Record(topic, d))
}

// Record lays a delivery that waits out as a record of a retry topic. Its
// partition has the number of the event's own.
func Record(topic string, w *lead.Waiting) producer.Record {
	return producer.Record{
		Topic: topic, Partition: w.Message.Partition, Key: []byte(w.Advertiser), Value: w.Message.Value,
		Headers: record.WaitingHeaders(w),
	}
}

// next is the delay of the topic that what has to wait so long goes to: the
// shortest that is long enough, unless it is too long by far; then the longest
// that is not too long, after which the rest of the wait is looked at again.
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

// Read reads a record of a retry topic back. It returns nil for a record that
// is none: its topic is no retry topic of this live topic, or it does not name
// its webhook and delivery. A header that is missing or damaged otherwise gives
// the zero value; a zero NotBefore means that the wait is over.
//
// The Message is the event as it was published: topic and offset of the event
// (empty and -1 if the record does not tell), its bytes, and its own headers
// only. Its partition is the record's, which has the number of the event's; its
// key is the record's, and its time is when the event was first published.
func (w *Wheel) Read(m *lead.Message) *lead.Waiting {
	if _, ours := topics.RetryDelay(w.live, m.Topic); !ours {
		return nil
	}
	d := record.ReadWaiting(m)
	if d.Webhook == "" || d.Delivery == "" {
		return nil
	}
	d.Message.Partition = m.Partition // a header with a number that does not exist would stall the next hop
	return &d
}

// Due is when a record of a retry topic has waited for as long as its topic
// lets it, or up to HeadSlack later: when its NotBefore is, if that is so near.
// A record that is due earlier than its NotBefore is for [Wheel.Forward].
//
// A record's timestamp and its NotBefore are of the clock of the instance that
// published it, so that a reader whose clock is slow finds them late by as much.
// It should let no record wait for longer than the topic's delay and HeadSlack
// from when it was read. A record of another topic is due since its timestamp.
func (w *Wheel) Due(m *lead.Message) time.Time {
	delay, _ := topics.RetryDelay(w.live, m.Topic)
	due := m.Time.Add(delay)
	notBefore := record.NotBefore(m)
	if notBefore.After(due) && notBefore.Sub(due) <= HeadSlack {
		return notBefore
	}
	return due
}
