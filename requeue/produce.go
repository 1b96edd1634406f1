package requeue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// The Writer of kafka-go is not used: in it one record that the broker refuses
// fails its neighbours for as long as it is tried, and a record that nobody
// waits for any more is sent nonetheless, ten seconds each while a broker is
// away, before the Writer can be closed.

// together sends the batch in one request, or in as many as are necessary.
func (p *Publisher) together(ctx context.Context, at place, batch []*waiter) ([]*waiter, error) {
	if at.partition == keyDecides {
		return nil, p.route(ctx, at.topic, batch)
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
func (p *Publisher) apart(at place, batch []*waiter) {
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
func (p *Publisher) compressed(ctx context.Context, at place, batch []*waiter) ([]*waiter, error) {
	return batch, p.produce(ctx, at, batch, kafka.Zstd)
}

func (p *Publisher) produce(ctx context.Context, at place, batch []*waiter, c kafka.Compression) error {
	records := make([]kafka.Record, len(batch))
	for i, w := range batch {
		records[i] = kafkaRecord(&w.record)
	}
	res, err := p.client.Produce(ctx, &kafka.ProduceRequest{
		Topic:        at.topic,
		Partition:    at.partition,
		RequiredAcks: kafka.RequireAll,
		Compression:  c,
		Records:      kafka.NewRecordReader(records...),
	})
	if err == nil {
		err = res.Error
	}
	if errors.Is(err, protocol.ErrNoTopic) {
		// To the transport a cluster that it has not reached has no topics.
		_, away := partitionsOf(ctx, p.client, at.topic)
		return cmp.Or(away, err)
	}
	if err != nil {
		return err
	}
	p.metrics.published.WithLabelValues(at.topic).Add(float64(len(batch)))
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
	partitions, err := partitionsOf(ctx, p.client, topic)
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

// partitionsOf asks for the partitions of a topic that exists.
func partitionsOf(ctx context.Context, client *kafka.Client, topic string) ([]kafka.Partition, error) {
	res, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return nil, err
	}
	if len(res.Topics) == 0 || res.Topics[0].Error == nil && len(res.Topics[0].Partitions) == 0 {
		return nil, kafka.UnknownTopicOrPartition
	}
	return res.Topics[0].Partitions, res.Topics[0].Error
}

// isFinal says whether the broker has refused what was asked, rather than been
// unable to do it now.
func isFinal(err error) bool {
	refused, ok := errors.AsType[kafka.Error](err)
	return ok && !refused.Temporary()
}

// explain says in words what is wrong and what to do about it.
func explain(err error, at place, brokers string) error {
	var words string
	switch {
	case errors.Is(err, protocol.ErrNoTopic), errors.Is(err, kafka.UnknownTopicOrPartition):
		words = "the topic " + at.topic + " does not exist, or this user may not see it; `leadhook topics create` creates it"
	case errors.Is(err, protocol.ErrNoPartition):
		words = fmt.Sprintf("the topic %s has no partition %d; all topics need the same number of partitions, "+
			"see `leadhook topics check`", at.topic, at.partition)
	case errors.Is(err, protocol.ErrNoLeader), errors.Is(err, kafka.LeaderNotAvailable):
		words = "the partition has no leader; is a broker down?"
	case errors.Is(err, kafka.MessageSizeTooLarge):
		words = "the broker refuses the record for its size; raise max.message.bytes of " + at.topic +
			", see `leadhook topics check`"
	case errors.Is(err, kafka.NotEnoughReplicas), errors.Is(err, kafka.NotEnoughReplicasAfterAppend):
		words = "fewer replicas are in sync than min.insync.replicas demands; is a broker down?"
	case errors.Is(err, kafka.TopicAuthorizationFailed):
		words = "this user may not use the topic " + at.topic + "; grant it on the brokers"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		words = "no answer in time from Kafka at " + brokers
	default:
		words = fmt.Sprintf("asking Kafka at %s: %s", brokers, bare(err))
	}
	return &explained{words: words, err: err}
}

// bare is the text of err without the name of the function that kafka-go puts
// before it.
func bare(err error) string {
	text := err.Error()
	if strings.HasPrefix(text, "kafka.(*Client).") {
		_, text, _ = strings.Cut(text, ": ")
	}
	return text
}

// An explained error has plain words for people and the error itself for code.
type explained struct {
	words string
	err   error
}

func (e *explained) Error() string { return e.words }
func (e *explained) Unwrap() error { return e.err }
