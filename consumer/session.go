package consumer

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"github.com/leadhook/leadhook/consumer/fetch"
)

// A session is this instance's part in one generation of the group: its
// partitions, and the one committer for all of them.
type session struct {
	c       *Consumer
	m       *membership
	gen     *kafka.Generation
	revoked context.Context // ends with the generation
	fetcher *fetch.Fetcher

	assigned []*assigned
	looking  *semaphore.Weighted // held while a partition is looked at
	keeper   keeper

	handlers sync.WaitGroup // every running Handle
	running  atomic.Int64   // how many these are
}

// run reads until the generation ends, which a rebalance does, or until stop ends.
// Then it drains and commits: what is not settled by then stays uncommitted, and
// the next owner of its partition reads it again.
func (s *session) run(stop context.Context) {
	fetching, stopFetching := context.WithCancel(stop)
	defer stopFetching()
	defer context.AfterFunc(s.revoked, stopFetching)()

	all, err := s.find(fetching)
	if err != nil || s.m.missing.Swap(false) {
		return // all topics exist by now: the next assignment has their partitions
	}
	// Handling outlives fetching: open messages may settle while the session drains.
	working, cutWaits := context.WithCancelCause(context.WithoutCancel(stop))
	defer cutWaits(errRevoked)

	reading, disconnect := context.WithCancel(context.Background())
	defer disconnect()
	s.fetcher = s.newFetcher(reading)
	s.assigned, s.keeper.in = all, s.c.opts.Watermarks
	s.c.health.joined(nil)
	s.c.health.starts(all)
	s.c.log.Info("partitions assigned; reading", zap.Int32("generation", s.gen.ID), zap.Int("partitions", len(all)))
	var loops sync.WaitGroup
	loops.Go(func() { s.fetcher.Run(fetching) })
	for _, a := range s.assigned {
		loops.Go(func() { a.run(fetching, working) })
	}
	loops.Go(func() {
		s.watchLogs(fetching)
		stopFetching()
	})
	loops.Go(func() { s.keeper.run(fetching) })
	s.commitUntil(fetching.Done())
	loops.Wait()
	disconnect()

	s.drain(cutWaits)
	s.flush()
	s.commit()
	s.keeper.store(context.Background(), keepTimeout)
	s.c.health.left()
}

// find waits until all topics exist, and returns the assigned partitions. Those whose
// messages do not wait come first.
func (s *session) find(ctx context.Context) ([]*assigned, error) {
	s.looking = semaphore.NewWeighted(lookingAtOnce)
	if err := s.untilAnswered(ctx, func() error { return s.checkTopics(ctx) }); err != nil {
		return nil, err
	}
	all, err := s.fetchCommits(ctx)
	slices.SortStableFunc(all, func(a, b *assigned) int {
		return cmp.Compare(s.m.waiting[a.topic], s.m.waiting[b.topic])
	})
	return all, err
}

// lookingAtOnce is how many partitions are looked at the same time: a request of
// kafka-go takes a connection.
const lookingAtOnce = 24

// commitUntil commits settled offsets at every commit interval, until done.
func (s *session) commitUntil(done <-chan struct{}) {
	commits := time.NewTicker(s.c.opts.CommitInterval)
	defer commits.Stop()
	for {
		select {
		case <-done:
			return
		case <-commits.C:
			s.commit()
			s.c.health.watch()
		}
	}
}

// watchLogs asks every ten seconds where the logs end and which topics wait. It
// blocks until ctx ends or the partitions must be assigned again.
func (s *session) watchLogs(ctx context.Context) {
	checks := time.NewTicker(10 * time.Second)
	defer checks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-checks.C:
			s.updateEnds(ctx)
			if !s.m.stillCurrent(ctx) {
				return
			}
		}
	}
}

// commit commits, for each partition, the offset up to which everything is settled, if
// it differs from the committed offset, with its watermark.
func (s *session) commit() {
	now := time.Now()
	moved := make(map[*assigned]committed)
	offsets := make(map[string][]kafka.OffsetCommit)
	for _, a := range s.assigned {
		c, ok := a.toCommit(now)
		if !ok {
			continue
		}
		moved[a] = c
		offsets[a.topic] = append(offsets[a.topic], kafka.OffsetCommit{Partition: a.number, Offset: c.offset, Metadata: c.note})
	}
	if len(moved) == 0 {
		return
	}
	// A failed commit is not retried: once the generation is over it can never
	// succeed, and the next owner reads the messages again.
	err := s.sendCommits(offsets)
	if errors.Is(err, kafka.OffsetMetadataTooLarge) { // a setting of the brokers
		err = s.sendCommits(withoutNotes(offsets))
	}
	s.c.health.committed(err)
	if err != nil {
		s.c.metrics.commitErrors.Inc()
		return
	}
	s.c.metrics.commits.Inc()
	for a, c := range moved {
		a.done(c)
	}
}

func withoutNotes(offsets map[string][]kafka.OffsetCommit) map[string][]kafka.OffsetCommit {
	for _, partitions := range offsets {
		for i := range partitions {
			partitions[i].Metadata = ""
		}
	}
	return offsets
}

// drain gives open messages a short time to settle, at a rebalance and at a stop.
// Then it ends the context of the Handler, which hands over the running attempts
// (package dispatch puts them into the retry queue). Messages that only waited are
// not settled: the next owner reads them again.
func (s *session) drain(cutWaits context.CancelCauseFunc) {
	settled := make(chan struct{})
	s.c.handlers.Go(func() {
		s.handlers.Wait()
		close(settled)
	})
	for range drainSteps {
		before := s.running.Load()
		if closedWithin(settled, drainStep) {
			return
		}
		if 4*(before-s.running.Load()) < before { // most are for slow CRMs, and the whole group waits
			break
		}
	}
	cutWaits(errRevoked)
	closedWithin(settled, handOverTimeout)
}

// flush calls Options.BeforeLastCommit.
func (s *session) flush() {
	if s.c.opts.BeforeLastCommit == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := s.c.opts.BeforeLastCommit(ctx); err != nil {
		s.c.log.Warn("cannot write delivery progress before the last commit; some leads may be delivered twice", zap.Error(err))
	}
}

// closedWithin blocks until done is closed, for at most d, and reports whether it
// was.
func closedWithin(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// updateEnds asks for the current ends of the logs. Partitions whose leader does not
// answer keep what was known: reading them fails by itself.
func (s *session) updateEnds(ctx context.Context) {
	byTopic := make(map[string][]*assigned)
	for _, a := range s.assigned {
		byTopic[a.topic] = append(byTopic[a.topic], a)
	}
	for topic, partitions := range byTopic {
		s.updateTopicEnds(ctx, topic, partitions)
	}
}

func (s *session) updateTopicEnds(ctx context.Context, topic string, partitions []*assigned) {
	asked := time.Now()
	numbers := make([]int, len(partitions))
	reading := make([]*partition, len(partitions))
	read, fetched := make([]int64, len(partitions)), make([]int64, len(partitions)) // taken first, since reading goes on during the request
	for i, a := range partitions {
		numbers[i] = a.number
		if reading[i], _ = a.current(); reading[i] != nil {
			read[i], fetched[i] = reading[i].window.committable(), reading[i].window.read()
		}
	}
	ends, err := s.c.listOffsets(ctx, topic, numbers, kafka.LastOffset)
	if err != nil {
		return
	}
	for i, a := range partitions {
		end, ok := ends[a.number]
		if !ok || end.err != nil || reading[i] == nil {
			continue
		}
		if cut, err := a.cut(ctx, fetched[i], end.epoch); cut {
			a.again(reading[i])
		} else if err == nil || errors.Is(err, kafka.UnsupportedVersion) {
			a.looked(reading[i], read[i], look{asked, bounds{end: end.offset, epoch: end.epoch}})
		}
	}
}
