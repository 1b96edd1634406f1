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

// Bury publishes the letter and blocks until all in-sync replicas have it. It
// retries for ever, and returns nil or, when ctx ends first, [context.Cause]; the
// letter may have been published nonetheless, and may be published twice.
//
// It also retries what cannot succeed (the topic is missing, has too few
// partitions, or refuses the size), since to skip a dead letter would be to lose a
// lead. [Publisher.Ready] then returns the cause.
func (d *DeadLetters) Bury(ctx context.Context, letter *lead.DeadLetter) error {
	if err := d.publisher.Publish(ctx, deadLetterRecord(d.topic, letter)); err != nil {
		return err
	}
	d.publisher.metrics.buried.WithLabelValues(string(letter.Reason)).Inc()
	return nil
}

// deadLetterRecord lays a dead letter out as a record: the event's bytes and
// headers as they were published, and beside them what became of it.
//
// Its partition has the number of the event's own, so that everything of an
// advertiser is handled by one instance. Its key is the advertiser's id; that of
// an event which did not become a delivery is the event's own.
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
