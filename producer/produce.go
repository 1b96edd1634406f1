package producer

import (
	"cmp"
	"context"
	"errors"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/leadhook/leadhook/topics"
)

// The Writer of kafka-go is not used: in it one record that the broker refuses
// fails its neighbours for as long as it is tried, and a record that nobody
// waits for any more is sent nonetheless, ten seconds each while a broker is
// away, before the Writer can be closed.

// together sends the batch in one request, or in as many as are necessary.
func (p *Publisher) together(ctx context.Context, at topics.Partition, batch []*waiter) ([]*waiter, error) {
	if at.Number == topics.AnyPartition {
		return nil, p.route(ctx, at.Topic, batch)
	}
	if len(batch) == 1 && batch[0].size > p.maxBytes {
		p.apart(at, batch)
		return nil, nil
	}
	err := p.produce(ctx, at, batch, 0)
	if errors.Is(err, kafka.MessageSizeTooLarge) {
		p.apart(at, batch)
		return nil, nil
	}
	return batch, err
}

// apart sends a batch that is too large in halves, until the record is alone
// that is too large by itself. It gets a goroutine of its own, so that the
// others need not wait for what may never succeed; there are never more of them
// than callers waiting.
func (p *Publisher) apart(at topics.Partition, batch []*waiter) {
	if len(batch) == 1 {
		p.wg.Go(func() { p.send(at, batch, p.compressed) })
		return
	}
	half := len(batch) / 2
	p.send(at, batch[:half], p.together)
	p.send(at, batch[half:], p.together)
}

// compressed is the way of a record that is too large as it is. The producer
// whose event is larger than its topic allows has compressed it, and Kafka
// measures what was compressed.
func (p *Publisher) compressed(ctx context.Context, at topics.Partition, batch []*waiter) ([]*waiter, error) {
	return batch, p.produce(ctx, at, batch, kafka.Zstd)
}

func (p *Publisher) produce(ctx context.Context, at topics.Partition, batch []*waiter, c kafka.Compression) error {
	records := make([]kafka.Record, len(batch))
	for i, w := range batch {
		records[i] = kafkaRecord(&w.record)
	}
	res, err := p.client.Produce(ctx, &kafka.ProduceRequest{
		Topic:        at.Topic,
		Partition:    at.Number,
		RequiredAcks: kafka.RequireAll,
		Compression:  c,
		Records:      kafka.NewRecordReader(records...),
	})
	if err == nil {
		err = res.Error
	}
	if errors.Is(err, protocol.ErrNoTopic) {
		// To the transport a cluster that it has not reached has no topics.
		_, away := topics.Partitions(ctx, p.client, at.Topic)
		return cmp.Or(away, err)
	}
	if err != nil {
		return err
	}
	p.metrics.published.WithLabelValues(at.Topic).Add(float64(len(batch)))
	return nil
}

func kafkaRecord(r *Record) kafka.Record {
	headers := make([]kafka.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = kafka.Header(h)
	}
	return kafka.Record{Key: kafka.NewBytes(r.Key), Value: kafka.NewBytes(r.Value), Headers: headers}
}

// route lets the keys of the batch choose their partitions, and puts each
// record into the outbox of its own.
func (p *Publisher) route(ctx context.Context, topic string, batch []*waiter) error {
	partitions, err := topics.Partitions(ctx, p.client, topic)
	if err != nil {
		return err
	}
	numbers := make([]int, len(partitions))
	for i := range numbers {
		numbers[i] = i
	}
	var hash kafka.Murmur2Balancer
	for _, w := range batch {
		w.record.Partition = hash.Balance(kafka.Message{Key: w.record.Key}, numbers...)
		p.submit(w)
	}
	return nil
}

// isFinal says whether the broker has refused what was asked, rather than been
// unable to do it now.
func isFinal(err error) bool {
	refused, ok := errors.AsType[kafka.Error](err)
	return ok && !refused.Temporary()
}
