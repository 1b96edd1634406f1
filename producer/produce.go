package producer

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/leadhook/leadhook/topics"
)

// kafka-go's Writer is not used: a record that the broker refuses makes its
// neighbours fail for as long as it is retried, and a record whose caller has
// given up is sent nonetheless; while a broker is down, the Writer needs ten
// seconds for each such record before it can be closed.

// sendBatch sends the batch in one request, or in as many as are necessary.
func (p *Publisher) sendBatch(ctx context.Context, to topics.Partition, batch []*waiter) ([]*waiter, error) {
	if to.Number == topics.AnyPartition {
		return nil, p.route(ctx, to.Topic, batch)
	}
	if len(batch) == 1 && batch[0].size > p.maxBytes {
		return nil, p.split(to, batch, p.sendCompressed)
	}
	err := p.produce(ctx, to, batch, 0)
	switch {
	case errors.Is(err, kafka.MessageSizeTooLarge):
		return nil, p.split(to, batch, p.sendCompressed)
	case refusesRecord(err):
		return nil, p.split(to, batch, p.sendAlone)
	}
	return batch, err
}

// refusesRecord reports whether a broker refused a batch for one of its records, which
// need not be all: one that a policy or a schema of the topic does not allow, for instance.
func refusesRecord(err error) bool {
	return errors.Is(err, kafka.InvalidRecord) || errors.Is(err, kafka.PolicyViolation) || errors.Is(err, kafka.InvalidTimestamp)
}

// split sends a batch that is refused in halves, down to the record that is refused by
// itself. That record gets a goroutine of its own, which sends it by the method alone,
// since it may never succeed and the others must not wait for it; there are never more
// such goroutines than waiting callers. It returns errSplit.
func (p *Publisher) split(to topics.Partition, batch []*waiter, alone method) error {
	p.mu.Lock()
	o := p.outbox(to)
	p.mu.Unlock()
	if len(batch) == 1 {
		p.wg.Go(func() { p.send(o.refused, batch, alone) })
		return errSplit
	}
	half := len(batch) / 2
	p.send(o.stall, batch[:half], p.sendBatch)
	p.send(o.stall, batch[half:], p.sendBatch)
	return errSplit
}

// sendAlone sends a record that is refused for what it is.
func (p *Publisher) sendAlone(ctx context.Context, to topics.Partition, batch []*waiter) ([]*waiter, error) {
	return batch, p.produce(ctx, to, batch, 0)
}

// sendCompressed sends a record that is too large uncompressed. If its event is larger
// than the live topic allows, its producer has compressed it too: Kafka limits the size
// after compression.
func (p *Publisher) sendCompressed(ctx context.Context, to topics.Partition, batch []*waiter) ([]*waiter, error) {
	return batch, p.produce(ctx, to, batch, kafka.Zstd)
}

// produce publishes the batch in one request.
func (p *Publisher) produce(ctx context.Context, to topics.Partition, batch []*waiter, c kafka.Compression) error {
	records := make([]kafka.Record, len(batch))
	for i, w := range batch {
		records[i] = kafkaRecord(&w.record)
	}
	return p.request(ctx, to, kafka.NewRecordReader(records...), len(records), c)
}

// request makes one request with n records.
func (p *Publisher) request(ctx context.Context, to topics.Partition, records kafka.RecordReader, n int, c kafka.Compression) error {
	asked := time.Now()
	res, err := p.client.Produce(ctx, &kafka.ProduceRequest{
		Topic:        to.Topic,
		Partition:    to.Number,
		RequiredAcks: kafka.RequireAll,
		Compression:  c,
		Records:      records,
	})
	if err == nil {
		err = res.Error
	}
	if errors.Is(err, protocol.ErrNoTopic) {
		// The transport says so too of a cluster that it has not reached yet.
		_, unreachable := topics.Partitions(ctx, p.client, to.Topic)
		return cmp.Or(unreachable, err)
	}
	if err != nil {
		p.leaders.askAgain(ctx, p.client, err)
		return err
	}
	if p.compare != nil && !res.LogAppendTime.IsZero() {
		p.compare(res.LogAppendTime, asked, time.Now())
	}
	p.metrics.published.WithLabelValues(to.Topic).Add(float64(n))
	return nil
}

func kafkaRecord(r *Record) kafka.Record {
	headers := make([]kafka.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = kafka.Header(h)
	}
	return kafka.Record{Key: kafka.NewBytes(r.Key), Value: kafka.NewBytes(r.Value), Headers: headers}
}

// route chooses a partition for each record of the batch by its key, and puts the
// record into the outbox of that partition.
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
