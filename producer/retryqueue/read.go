package retryqueue

import (
	"context"
	"time"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/record"
	"github.com/leadhook/leadhook/producer"
	"github.com/leadhook/leadhook/topics"
)

// HeadSlack is how much longer than its topic's delay the first record of a retry
// topic may wait, so that a wait that is nearly over ends there instead of in one
// more topic. It makes the records behind it late by at most that time.
const HeadSlack = time.Second

// IsNewer reports whether a record of a retry topic was written by a later version of
// leadhook in a format that this one cannot read.
func (q *Queue) IsNewer(m *lead.Message) bool {
	_, ours := topics.RetryDelay(q.live, m.Topic)
	return ours && record.IsNewer(m)
}

// PutBack publishes a record of a retry topic there once more, as it is: it waits for the
// topic's delay again. It blocks like [Queue.Schedule], with the same errors.
func (q *Queue) PutBack(ctx context.Context, m *lead.Message) error {
	return q.publisher.Publish(ctx, producer.Record{Topic: m.Topic, Partition: m.Partition, Key: m.Key, Value: m.Value, Headers: m.Headers})
}

// Read reads what waits back from a record of a retry topic: a delivery, a dead letter, or
// an event as a whole, which names no delivery. It returns nil for any other record: one of
// a topic that is not a retry topic of this live topic, or one that names neither its
// webhook and delivery, nor why it is a dead letter, nor where the event is and until when
// it waits. Any other header that is
// missing or damaged gives the zero value; a zero NotBefore means that the wait is
// over.
//
// The Message is the event as it was published: topic and offset of the event
// (empty and -1 if the record does not have them), its bytes, and its own
// headers only. Its partition is the record's, which has the number of the
// event's; its key is the record's, and its time is when the event was first
// published.
func (q *Queue) Read(m *lead.Message) *lead.Waiting {
	if _, ours := topics.RetryDelay(q.live, m.Topic); !ours {
		return nil
	}
	w := record.ReadWaiting(m)
	event := w.Webhook == "" && w.Delivery == "" && w.Message.Topic != "" && !w.NotBefore.IsZero()
	if (w.Webhook == "" || w.Delivery == "") && w.Reason == "" && !event {
		return nil
	}
	w.Message.Partition = m.Partition // a number from a header may not exist, and Forward would never succeed
	return &w
}

// Due returns when a record of a retry topic has waited for its topic's delay, or
// its NotBefore if that is at most [HeadSlack] later. A record that is due before its
// NotBefore should then be passed to [Queue.Forward].
//
// A record's timestamp and its NotBefore come from the clock of the instance that
// published it. To a reader whose clock is slow they seem later than they are: it
// should let no record wait for longer than the topic's delay and HeadSlack from the
// time at which it read it. A record of any other topic is due at its timestamp.
func (q *Queue) Due(m *lead.Message) time.Time {
	delay, _ := topics.RetryDelay(q.live, m.Topic)
	due := m.Time.Add(delay)
	notBefore := record.NotBefore(m)
	if notBefore.After(due) && notBefore.Sub(due) <= HeadSlack {
		return notBefore
	}
	return due
}
