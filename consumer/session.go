package consumer

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"
)

// A session is this instance's part in one generation of the group: its
// partitions, and the one committer for all of them.
type session struct {
	c       *Consumer
	m       *membership
	gen     *kafka.Generation
	revoked context.Context // ends with the generation
	dialer  *kafka.Dialer   // of the readers

	partitions []*partition
	committed  map[string]map[int]int64 // the last committed offsets, by topic and partition

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

	starts, err := s.startOffsets(fetching)
	if err != nil || s.m.missing.Swap(false) {
		return // all topics exist by now: the next assignment has their partitions
	}
	// Handling outlives fetching: open messages may settle while the session drains.
	working, cutWaits := context.WithCancelCause(context.WithoutCancel(stop))
	defer cutWaits(errRevoked)

	reading, disconnect := context.WithCancel(context.Background())
	defer disconnect()
	s.dialer = dialerUntil(reading, s.c.opts.Dialer)
	s.open(starts)
	s.c.health.joined(s.partitions)
	var loops sync.WaitGroup
	for _, p := range s.partitions {
		loops.Go(func() {
			if err := p.read(fetching, working); err != nil {
				s.c.log.Warn("cannot read a partition from its offset; rejoining the group",
					zap.String("topic", p.topic), zap.Int("partition", p.number), zap.Error(err))
				stopFetching()
			}
		})
	}
	loops.Go(func() {
		s.watchLogs(fetching)
		stopFetching()
	})
	s.commitUntil(fetching.Done())
	loops.Wait()
	disconnect()
	for _, p := range s.partitions {
		_ = p.reader.Close()
	}

	s.drain(cutWaits)
	s.flush()
	s.commit()
	s.c.health.left()
}

// open creates the assigned partitions, to be read from the offsets in starts.
func (s *session) open(starts map[string]map[int]int64) {
	s.committed = make(map[string]map[int]int64, len(starts))
	count := 0
	for topic, assigned := range s.gen.Assignments {
		s.committed[topic] = make(map[int]int64, len(assigned))
		for _, a := range assigned {
			s.committed[topic][a.ID] = a.Offset
		}
		count += len(assigned)
	}
	for topic, partitions := range starts {
		for number, start := range partitions {
			s.partitions = append(s.partitions, newPartition(s, topic, number, start))
		}
	}
	// Each partition has its own connection; those whose messages do not wait
	// connect first.
	slices.SortStableFunc(s.partitions, func(a, b *partition) int { return cmp.Compare(a.delay, b.delay) })
	s.c.log.Info("partitions assigned; reading", zap.Int32("generation", s.gen.ID), zap.Int("partitions", count))
}

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
			if !s.updateEnds(ctx) || !s.m.stillCurrent(ctx) {
				return
			}
		}
	}
}

// commit commits, for each partition, the offset up to which everything is
// settled, if it differs from the committed offset. In a recreated topic it is
// smaller at first: if the old offset stayed committed, the beginning of the new
// log would be skipped as soon as that log is longer.
func (s *session) commit() {
	moved := make(map[string]map[int]int64)
	for _, p := range s.partitions {
		if offset := p.window.committable(); offset != s.committed[p.topic][p.number] {
			if moved[p.topic] == nil {
				moved[p.topic] = make(map[int]int64)
			}
			moved[p.topic][p.number] = offset
		}
	}
	if len(moved) == 0 {
		return
	}
	// A failed commit is not retried: once the generation is over it can never
	// succeed, and the next owner reads the messages again.
	err := s.gen.CommitOffsets(moved)
	s.c.health.committed(err)
	if err != nil {
		s.c.metrics.commitErrors.Inc()
		return
	}
	s.c.metrics.commits.Inc()
	for topic, partitions := range moved {
		maps.Copy(s.committed[topic], partitions)
	}
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

// updateEnds asks for the current ends of the logs. It returns false if one ends
// before the offset up to which it was read: its topic was recreated meanwhile,
// and the partitions must be assigned again. Without an answer it returns true:
// the group and the readers notice by themselves that Kafka cannot be reached.
func (s *session) updateEnds(ctx context.Context) bool {
	read := make([]int64, len(s.partitions)) // taken first, since reading goes on during the request
	for i, p := range s.partitions {
		read[i] = p.window.committable()
	}
	logs, err := s.listBounds(ctx)
	if err != nil {
		return true
	}
	for i, p := range s.partitions {
		end := logs[p.topic][p.number].end
		p.end.Store(end)
		if end < read[i] {
			s.c.log.Warn("log ends before the offset that was read; rejoining the group",
				zap.String("topic", p.topic), zap.Int("partition", p.number),
				zap.Int64("offset", read[i]), zap.Int64("log_end", end))
			return false
		}
	}
	return true
}
