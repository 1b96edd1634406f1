package producer

import (
	"context"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/record"
)

// DeadLetters writes dead letters. It is safe for concurrent use.
type DeadLetters struct {
	publisher *Publisher
	topic     string
}

// NewDeadLetters returns a DeadLetters that publishes to topic, which must have as
// many partitions as the live topic.
func NewDeadLetters(p *Publisher, topic string) *DeadLetters {
	return &DeadLetters{publisher: p, topic: topic}
}

// Bury publishes the letter and blocks until all in-sync replicas have it. It returns nil
// or, if ctx ends first, [context.Cause]. If the partition is away, it returns an error
// that is [lead.ErrAway] after some seconds (see [Publisher.Offer]): the letter must be
// kept elsewhere meanwhile. With an error the letter may have been published nonetheless;
// it may also be published twice.
//
// A partition is also away if nothing can succeed until somebody acts (the topic is
// missing, has too few partitions, or refuses the size). [Publisher.Ready] returns the
// cause.
func (d *DeadLetters) Bury(ctx context.Context, letter *lead.DeadLetter) error {
	if err := d.publisher.Offer(ctx, deadLetterRecord(d.topic, letter)); err != nil {
		return err
	}
	d.publisher.metrics.buried.WithLabelValues(string(letter.Reason)).Inc()
	return nil
}

// deadLetterRecord encodes a dead letter as a record: the event's bytes and headers
// as they were published, with additional headers for what became of it.
//
// Its partition has the number of the event's own, so that one instance handles
// everything of an advertiser. Its key is the advertiser's id, or the event's own key
// if the event did not become a delivery.
func deadLetterRecord(topic string, letter *lead.DeadLetter) Record {
	event := &letter.Message
	key := event.Key
	if letter.Delivery != "" {
		key = []byte(letter.Advertiser)
	}
	return Record{
		Topic: topic, Partition: event.Partition, Key: key, Value: event.Value, Headers: record.DeadLetterHeaders(letter),
	}
}
