package producer

import (
	"context"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/record"
)

// DeadLetters is where dead letters are put. It may be used by many goroutines
// at once.
type DeadLetters struct {
	publisher *Publisher
	topic     string
}

// NewDeadLetters returns a DeadLetters that publishes to topic, which must
// have as many partitions as the live topic.
func NewDeadLetters(p *Publisher, topic string) *DeadLetters {
	return &DeadLetters{publisher: p, topic: topic}
}

// Bury publishes the letter and blocks until all in-sync replicas have it. It
// tries for ever, and returns nil or, when ctx ends first, [context.Cause]; the
// letter may have been published nonetheless, and may be published twice.
//
// Where it cannot succeed (the topic is missing, has too few partitions, or
// refuses the size) it keeps trying, and [Publisher.Ready] says why: a dead
// letter that is skipped would be a lost lead.
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
// Its partition has the number of the event's own, so that all that belongs to
// an advertiser meets on one instance. The key is the advertiser's id, except
// that an event which became no delivery keeps its own.
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
