package consumer

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
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
	revoked context.Context // kafka-go ends it with the generation
	dialer  *kafka.Dialer   // of the readers

	partitions []*partition
	committed  map[string]map[int]int64 // what was committed last, by topic and partition

	handlers sync.WaitGroup // every Handle under way
}

// run reads until the generation ends or stop does, then drains and commits.
func (s *session) run(stop context.Context) {
	fetching, stopFetching := context.WithCancel(stop)
	defer stopFetching()
	defer context.AfterFunc(s.revoked, stopFetching)()

	starts, err := s.starts(fetching)
	if err != nil || s.m.lacking.Swap(false) {
		return // starts found all topics: assigned again, their partitions come in
	}
	// Work outlives fetching: what is open may settle while the session drains.
	working, cutWaits := context.WithCancelCause(context.WithoutCancel(stop))
	defer cutWaits(errRevoked)

	reading, disconnect := context.WithCancel(context.Background())
	defer disconnect()
	s.dialer = connected(reading, s.c.opts.Dialer)
	s.open(starts)
	s.c.health.joined(s.partitions)
	var loops sync.WaitGroup
	for _, p := range s.partitions {
		loops.Go(func() {
			if err := p.read(fetching, working); err != nil {
				s.c.log.Warn("reading a partition ended, joining the group again",
					zap.String("topic", p.topic), zap.Int("partition", p.number), zap.Error(err))
				stopFetching()
			}
		})
	}
	loops.Go(func() {
		s.measureUntil(fetching)
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

// open prepares the assigned partitions to be read from starts.
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
	// Each connects by itself: those with fresh messages first.
	slices.SortStableFunc(s.partitions, func(a, b *partition) int { return cmp.Compare(a.delay, b.delay) })
	s.c.log.Info("reading", zap.Int32("generation", s.gen.ID), zap.Int("partitions", count))
}

// commitUntil commits what has settled at every interval, until done.
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

// measureUntil measures the logs now and then, until ctx ends or the
// partitions must be assigned anew.
func (s *session) measureUntil(ctx context.Context) {
	lags := time.NewTicker(10 * time.Second)
	defer lags.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-lags.C:
			if !s.measure(ctx) || !s.m.current(ctx) {
				return
			}
		}
	}
}

// commit commits the settled prefix of every partition where it is not what
// the group has. It goes back, once, where the log was found to begin anew: the
// old offset would hide the new log's beginning as soon as the log is longer.
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
	// After the generation a commit fails for ever: it is not repeated, and
	// what it would have told is read again by the next owner.
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

// drain lets what is open settle for a short time, and then cuts the waits:
// the Handler hands over what it still attempts, and what only waited is read
// again by the next owner.
func (s *session) drain(cutWaits context.CancelCauseFunc) {
	settled := make(chan struct{})
	s.c.handlers.Go(func() {
		s.handlers.Wait()
		close(settled)
	})
	if !await(settled, drainTime) {
		cutWaits(errRevoked)
		await(settled, handOverTime)
	}
}

func (s *session) flush() {
	if s.c.opts.BeforeLastCommit == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	if err := s.c.opts.BeforeLastCommit(ctx); err != nil {
		s.c.log.Warn("what the next owner of the partitions should know could not be written in time", zap.Error(err))
	}
}

// await reports whether done was closed within d.
func await(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// measure asks how long the logs are by now. It returns false if one ends
// before what was read of it: the topic was made again under our feet, and the
// partitions must be assigned anew.
func (s *session) measure(ctx context.Context) bool {
	read := make([]int64, len(s.partitions)) // before it is asked: the logs grow, and so does what was read
	for i, p := range s.partitions {
		read[i] = p.window.committable()
	}
	logs, err := s.bounds(ctx)
	if err != nil {
		return true // Kafka being away shows itself in the group and in the readers
	}
	for i, p := range s.partitions {
		end := logs[p.topic][p.number].end
		p.end.Store(end)
		if end < read[i] {
			s.c.log.Warn("a log ends before what was read of it, joining the group again",
				zap.String("topic", p.topic), zap.Int("partition", p.number),
				zap.Int64("offset", read[i]), zap.Int64("log_end", end))
			return false
		}
	}
	return true
}
