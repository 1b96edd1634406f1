package consumer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/wait"
)

// An assigned partition is looked at and read by itself: what keeps one from being read
// keeps no other. If its log turns out to be another one, it is looked at again.
type assigned struct {
	s      *session
	topic  string
	number int
	commit committed // only the committer uses it
	from   committed // where to go on; only run uses it, as the next field
	early  time.Time // since when the log seems to end too early

	mu      sync.Mutex
	reading *partition // guarded by mu; nil while it is not read
	log     look       // guarded by mu: when the log was looked at last
	restart func()     // guarded by mu: ends reading, to look at the log again
}

// committed is what the group has committed of a partition.
type committed struct {
	offset int64 // negative: nothing
	note   string
	at     time.Time
}

// A look is what was found when a log was looked at.
type look struct {
	at  time.Time // before it was asked for
	log bounds
}

// errAnotherLog is the cause of the end of reading when the log has changed.
var errAnotherLog = errors.New("the log ends before the offset that was read")

// soundFor is for how long a partition must have been read before it counts as readable.
const soundFor = 5 * time.Second

// run looks at the partition and reads it until the context fetching ends; messages are
// handled with the context working.
func (a *assigned) run(fetching, working context.Context) {
	backOff := wait.Endless(100*time.Millisecond, 5*time.Second)
	for fetching.Err() == nil {
		from, err := a.find(fetching)
		if err == nil {
			began := time.Now()
			if err = a.read(fetching, working, from); time.Since(began) > soundFor {
				backOff.Reset()
			}
		}
		if err == nil || fetching.Err() != nil {
			return
		}
		a.s.c.health.stands(a, err)
		wait.For(fetching, backOff.NextBackOff())
	}
}

// read reads the partition until the context fetching ends, and returns nil, or until it
// must be looked at again, and returns why.
func (a *assigned) read(fetching, working context.Context, from position) error {
	reading, stop := context.WithCancelCause(fetching)
	defer stop(nil)
	// What is open may settle when reading has ended: while the session drains.
	handling, cut := context.WithCancelCause(working)
	p := newPartition(a.s, a.topic, a.number, from.start)
	p.cut = cut
	p.begin(&from)
	a.mu.Lock()
	a.reading, a.log, a.restart = p, from.look, func() { stop(errAnotherLog) }
	a.mu.Unlock()
	a.s.c.health.reads(a, p)
	p.source = a.s.fetcher.Partition(a.topic, a.number, from.start)
	err := p.read(reading, handling)
	if fetching.Err() != nil {
		return nil
	}
	if err == nil {
		err = context.Cause(reading)
	}
	a.s.c.log.Warn("cannot read a partition from its offset; looking where its log begins and ends",
		zap.String("topic", a.topic), zap.Int("partition", a.number), zap.Error(err))
	a.give(p)
	return err
}

// give ends what is open of a partition whose log is another one. What does not end in
// time does so later, and may be handled once more.
func (a *assigned) give(p *partition) {
	a.mu.Lock()
	a.reading = nil
	l := a.log
	a.mu.Unlock()
	a.s.c.health.gaveUp(p)
	p.cut(errAnotherLog)
	p.source.Close()
	ended := make(chan struct{})
	a.s.c.handlers.Go(func() {
		p.handlers.Wait()
		close(ended)
	})
	closedWithin(ended, handOverTimeout)
	w := p.watermark(p.window.committable(), l, time.Now(), a.s.c.commitAgainAfter())
	a.from = committed{offset: w.Offset, note: w.String()}
}

// current returns the partition while it is read, and else nil.
func (a *assigned) current() (*partition, look) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reading, a.log
}

// cut reports whether the log lost records up to read, although it may be longer by now: a
// leader that did not have them was elected. The error means that this is not known.
func (a *assigned) cut(ctx context.Context, read int64, epoch int32) (bool, error) {
	_, before := a.current()
	if before.log.epoch < 0 || epoch <= before.log.epoch {
		return false, nil
	}
	end, err := a.s.c.listEpochEnd(ctx, a.topic, a.number, before.log.epoch)
	return err == nil && end >= 0 && end < read, err
}

// again has the partition looked at again, unless that is so by now.
func (a *assigned) again(p *partition) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.reading == p {
		a.restart()
	}
}

// looked notes where the log ends now. If that is before the offset up to which it was
// read, the partition is looked at again.
func (a *assigned) looked(p *partition, read int64, l look) {
	p.end.Store(l.log.end)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.reading != p {
		return
	}
	l.log.first = a.log.log.first
	a.log = l
	if l.log.end < read {
		a.restart()
	}
}

// commitAgainAfter is how often a commit is repeated whose offset stays the same, since
// what is noted with it has changed.
func (c *Consumer) commitAgainAfter() time.Duration { return min(time.Minute, c.holdLimit()/36) }

// toCommit returns what to commit now, and false if nothing has changed. In a recreated
// topic the offset is smaller at first: if the old one stayed committed, the beginning
// of the new log would be skipped as soon as that log is longer.
func (a *assigned) toCommit(now time.Time) (committed, bool) {
	p, l := a.current()
	if p == nil {
		return committed{}, false
	}
	again := a.s.c.commitAgainAfter()
	p.checkHold(now)
	offset := p.window.committable()
	if offset == a.commit.offset && now.Sub(a.commit.at) < again {
		return committed{}, false
	}
	w := p.watermark(offset, l, now, again)
	next := committed{offset, w.String(), now}
	return next, next.offset != a.commit.offset || next.note != a.commit.note
}

// done notes that a commit was acknowledged.
func (a *assigned) done(c committed) {
	a.commit = c
	a.s.keeper.put(a.topic, a.number, c.note)
}

// watermark returns the watermark of offset, before which everything is settled.
// Messages count as held up after so long.
func (p *partition) watermark(offset int64, l look, now time.Time, heldAfter time.Duration) watermark {
	last := p.trail.before(offset)
	w := watermark{
		Offset: offset, Time: last.stamped, Behind: last.behind,
		First: l.log.first, Newest: last.newest,
	}
	if l.log.epoch >= 0 {
		w.Epoch, w.EpochTo = l.log.epoch, l.log.end
	}
	// A partition without messages has none that is older than now, less what those
	// before were late.
	if idle := l.at.Add(-last.behind); offset >= l.log.end && idle.After(w.Time) {
		w.Time = idle
	}
	if since, held := p.heldSince(); held && now.Sub(since) > heldAfter {
		w.Held, w.HeldTo = since, max(p.window.read(), p.trail.doneTo)
	}
	w.Time, w.Held = w.Time.UTC().Truncate(time.Millisecond), w.Held.UTC().Truncate(time.Millisecond)
	return w
}

// commitTimeout is for one commit. Another one follows soon.
const commitTimeout = 5 * time.Second

// sendCommits commits in the name of the generation. kafka-go's Generation cannot note
// anything with a commit.
func (s *session) sendCommits(offsets map[string][]kafka.OffsetCommit) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	answer, err := s.c.opts.Client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: s.c.opts.Group, GenerationID: int(s.gen.ID), MemberID: s.gen.MemberID, Topics: offsets,
	})
	if err != nil {
		return err
	}
	for _, partitions := range answer.Topics {
		for _, p := range partitions {
			if p.Error != nil {
				return p.Error
			}
		}
	}
	return nil
}
