package main

import (
	"context"
	"time"

	"github.com/segmentio/kafka-go"
)

// publish publishes a plan's leads, each at its time or, if Kafka is slow, as soon
// as it can be. It returns early when ctx ends.
func (s *stack) publish(ctx context.Context, topic string, p *plan, began time.Time) error {
	const most, tick = 5000, 5 * time.Millisecond
	transport := &kafka.Transport{MetadataTTL: time.Second}
	defer transport.CloseIdleConnections()
	w := &kafka.Writer{
		Addr: kafka.TCP(s.kafka.Addr()), Transport: transport, Topic: topic, Balancer: &kafka.Hash{},
		RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, BatchSize: 500,
	}
	defer func() { _ = w.Close() }() // all was acknowledged
	for next := int64(1); next <= int64(p.leads()); {
		var batch []kafka.Message
		for ; next <= int64(p.leads()) && len(batch) < most && !time.Now().Before(began.Add(p.at(next))); next++ {
			batch = append(batch, p.message(next))
		}
		if len(batch) == 0 {
			if pause(ctx, tick) != nil {
				return nil
			}
			continue
		}
		if err := w.WriteMessages(ctx, batch...); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) message(lead int64) kafka.Message {
	kind, turn := p.of(lead)
	s := p.sets[kind]
	return kafka.Message{Key: []byte(s.advertiser(turn)), Value: s.event(lead, turn)}
}
