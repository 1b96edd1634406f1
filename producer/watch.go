package producer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/topics"
)

// watchEvery is how often a partition is asked for that records have left.
const watchEvery = 5 * time.Second

// watch ends a stall that records have left, although no other comes to find out that the
// partition takes them again.
func (p *Publisher) watch(s *stall) {
	for p.stalls.isLeft(s) {
		wait.For(p.ctx, watchEvery)
		if p.ctx.Err() != nil {
			return
		}
		if p.isBack(s.at, p.stalls.failure(s)) {
			p.stalls.recovered(s)
		}
	}
}

// isBack reports whether a partition takes records again, as far as a question can tell: its
// leader answers, and all replicas are in sync if too few were. What a leader refuses for
// another reason, only a record can find out.
func (p *Publisher) isBack(at topics.Partition, failure error) bool {
	few := errors.Is(failure, kafka.NotEnoughReplicas) || errors.Is(failure, kafka.NotEnoughReplicasAfterAppend)
	if !few && !errors.Is(failure, kafka.RequestTimedOut) && !isMoved(failure) {
		return false
	}
	ctx, cancel := context.WithTimeout(p.ctx, askLeadersTimeout)
	defer cancel()
	return p.reaches(ctx, at) && (!few || p.allInSync(ctx, at))
}

// reaches reports whether the leader of a partition answers.
func (p *Publisher) reaches(ctx context.Context, at topics.Partition) bool {
	res, err := p.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{at.Topic: {kafka.LastOffsetOf(at.Number)}},
	})
	if err == nil {
		for _, one := range res.Topics[at.Topic] {
			err = one.Error
		}
	}
	if err != nil {
		p.leaders.askAgain(p.ctx, p.client, err)
	}
	return err == nil
}

// allInSync reports whether all replicas of a partition are in sync.
func (p *Publisher) allInSync(ctx context.Context, at topics.Partition) bool {
	all, err := topics.Partitions(ctx, p.client, at.Topic)
	n := slices.IndexFunc(all, func(one kafka.Partition) bool { return one.ID == at.Number })
	return err == nil && n >= 0 && len(all[n].Isr) == len(all[n].Replicas)
}
