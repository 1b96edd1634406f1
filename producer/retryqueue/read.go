package retryqueue

import (
	"time"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/record"
	"github.com/leadhook/leadhook/topics"
)

// HeadSlack is how much longer than its topic's delay the first record of a retry
// topic may wait, so that a wait that is nearly over ends there instead of in one
// more topic. It makes the records behind it late by at most that time.
const HeadSlack = time.Second

// Read reads a waiting delivery back from a record of a retry topic. It returns
// nil for any other record: one of a topic that is not a retry topic of this live
// topic, or one that does not name its webhook and delivery. Any other header that is
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
	if w.Webhook == "" || w.Delivery == "" {
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
