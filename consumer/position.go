package consumer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/wait"
)

// A position is where a partition is read from, and what is known of the log before.
type position struct {
	start int64
	look  look
	known watermark // of what is not read again; zero: nothing
	whole bool      // the log is read from its first record on, or was
}

// begin notes what is known of the log before the first message.
func (p *partition) begin(from *position) {
	p.end.Store(from.look.log.end)
	p.trail.begin(from.start, &from.known, from.whole)
	p.heldAt = from.start
	p.held.Store(!from.known.Held.IsZero() && time.Since(from.known.Held) > p.s.c.holdLimit())
}

// find asks the brokers where the partition's log begins and ends, and returns where to
// read it from. The error says why that is not known now.
func (a *assigned) find(ctx context.Context) (position, error) {
	if err := a.s.looking.Acquire(ctx, 1); err != nil {
		return position{}, err
	}
	defer a.s.looking.Release(1)
	l := look{at: time.Now()}
	var err error
	if l.log, err = a.s.c.listBounds(ctx, a.topic, a.number); err != nil {
		return position{}, err
	}
	if a.from.offset < 0 {
		return a.resume(ctx, l, watermark{})
	}
	w := parseWatermark(a.from.note)
	if w.Offset != a.from.offset { // somebody else committed
		w = watermark{Offset: a.from.offset}
	}
	another, err := a.anotherLog(ctx, &l.log, &w)
	if err != nil {
		return position{}, err
	}
	if another != "" {
		a.s.c.metrics.logRewound.Inc()
		a.s.c.log.Error("log is not the one that was read: the topic was recreated, or an unclean leader election lost"+
			" records; reading it from an hour before what was committed last", append(a.where(&l.log), zap.String("reason", another))...)
		return a.resume(ctx, l, w)
	}
	return a.goOn(l, w), nil
}

// goOn returns the committed offset, if retention has not passed it. A committed offset
// outside the log is not an error to Kafka, which would silently begin elsewhere.
func (a *assigned) goOn(l look, w watermark) position {
	from := position{start: w.Offset, look: l, known: w, whole: w.Newest != stamp{} || w.Offset == l.log.first}
	if lost := l.log.first - w.Offset; lost > 0 {
		a.s.c.metrics.recordsLost.Add(float64(lost))
		a.s.c.log.Error("records lost: retention removed them before they were read;"+
			" lengthen the topic's retention", a.where(&l.log)...)
		from.start, from.known.Held, from.known.HeldTo = l.log.first, time.Time{}, 0
	}
	return from
}

func (a *assigned) where(log *bounds) []zap.Field {
	return []zap.Field{
		zap.String("topic", a.topic), zap.Int("partition", a.number), zap.Int64("offset", a.from.offset),
		zap.Int64("log_first", log.first), zap.Int64("log_end", log.end),
	}
}

var errEndsEarly = errors.New("the log ends before the committed offset")

// anotherLog says by what the log is known not to be the one of which w was noted, or ""
// if it may be that one.
//
// Just after a change of leader a log can seem to end before the committed offset, until
// its followers have caught up. Such an end is believed only if it stays for ten seconds;
// meanwhile anotherLog returns an error.
func (a *assigned) anotherLog(ctx context.Context, log *bounds, w *watermark) (string, error) {
	const believedAfter = 10 * time.Second
	if w.Offset <= log.end {
		a.early = time.Time{}
		return a.anotherAtTheSameOffset(ctx, log, w)
	}
	if a.early.IsZero() {
		a.early = time.Now()
	}
	if time.Since(a.early) < believedAfter {
		return "", errEndsEarly
	}
	return "it ends before the committed offset", nil
}

// anotherAtTheSameOffset is anotherLog for a log that is long enough.
func (a *assigned) anotherAtTheSameOffset(ctx context.Context, log *bounds, w *watermark) (string, error) {
	switch {
	case log.first < w.First:
		return "it begins before the offset at which it began", nil
	case log.epoch >= 0 && log.epoch < w.Epoch:
		return "the epoch of its leader is lower than before", nil
	case log.epoch > w.Epoch && w.EpochTo > 0:
		// Of brokers that do not say it, nothing is known.
		end, err := a.s.c.listEpochEnd(ctx, a.topic, a.number, w.Epoch)
		if err == nil && end >= 0 && end < min(w.Offset, w.EpochTo) {
			return "a leader that did not have all of it was elected", nil
		}
	}
	if w.Newest == (stamp{}) || w.Newest.Offset < log.first {
		return "", nil
	}
	// A recreated topic has newer records only. The brokers' clocks and the producers'
	// differ a little.
	const differ = 10 * time.Second
	found, err := a.s.c.listTime(ctx, a.topic, a.number, w.Newest.Time.Add(differ))
	if err == nil && found == log.first {
		return "all of it is newer than what was read last", nil
	}
	return "", err
}

// resume returns where to read a log of which no offset is known: from a while before
// the time at which everything before it was settled.
func (a *assigned) resume(ctx context.Context, l look, w watermark) (position, error) {
	from := position{start: l.log.first, look: l, whole: true}
	if l.log.first == l.log.end {
		from.known.Time = w.Time
		_, _, _, err := a.mark(ctx)
		return from, err
	}
	if w.Time.IsZero() {
		kept, found, err := a.kept(ctx, &l.log)
		switch {
		case err != nil:
			return position{}, err
		case !found:
			return from, nil
		}
		w = kept
	}
	if w.Time.IsZero() { // nothing that was read is older than what is there
		from.start = min(max(w.Offset, l.log.first), l.log.end)
	} else {
		start, err := a.s.c.listTime(ctx, a.topic, a.number, w.Time.Add(-a.s.c.margin()))
		if err != nil {
			return position{}, err
		}
		if start < 0 {
			start = l.log.end
		}
		from.start = max(start, l.log.first)
	}
	from.whole = from.start == l.log.first
	from.known.Time = w.Time
	a.s.c.log.Info("reading a partition from about where it was settled", append(a.where(&l.log),
		zap.Int64("start", from.start), zap.Time("settled", w.Time))...)
	return from, nil
}

// margin is how long before a watermark's time a log is read again, since clocks differ:
// an hour, unless less is remembered of what was done.
func (c *Consumer) margin() time.Duration { return min(time.Hour, c.opts.Retention/12) }

// kept returns the watermark that was kept beside the commits. It returns false if the
// log is to be read from its first record, since none of it was ever read, or nobody
// would know.
func (a *assigned) kept(ctx context.Context, log *bounds) (watermark, bool, error) {
	in := a.s.c.opts.Watermarks
	if in == nil {
		return watermark{}, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	w, known, isNew, err := a.mark(ctx)
	switch {
	case err != nil:
		return watermark{}, false, err
	case known && !w.Unknown:
		return w, true, nil
	case !known && (a.s.m.waiting[a.topic] > 0 || isNew):
		return watermark{}, false, nil // a new topic of those that wait, or a partition that was added
	}
	used, err := in.AnyMarks(ctx)
	if err != nil || !used {
		return watermark{}, false, err
	}
	w, err = a.told(ctx, a.s.c.opts.Start, log)
	if err != nil && !known { // or it would seem to be added, when others have watermarks
		unknown := watermark{Unknown: true}
		err = cmp.Or(in.Store(ctx, a.topic, map[int]string{a.number: unknown.String()}), err)
	}
	return w, err == nil, err
}

// mark returns the watermark that is kept of the partition. If there is none, it reports
// whether the partition is newer than all that have one, or nothing was ever handled. Then it gives a watermark to
// this one and to those that were added before it, at whose beginning nobody may have looked
// yet: or they would no longer seem to be new when this one has a watermark.
func (a *assigned) mark(ctx context.Context) (w watermark, known, isNew bool, err error) {
	in := a.s.c.opts.Watermarks
	if in == nil {
		return watermark{}, false, false, nil
	}
	marks, err := in.Load(ctx, a.topic)
	if err != nil {
		return watermark{}, false, false, err
	}
	if mark, known := marks[a.number]; known {
		return parseWatermark(mark), true, false, nil
	}
	last := -1
	if len(marks) > 0 {
		last = slices.Max(slices.Collect(maps.Keys(marks)))
	} else if used, err := in.AnyMarks(ctx); used || err != nil {
		return watermark{}, false, false, err
	}
	if last > a.number {
		return watermark{}, false, false, nil
	}
	var added []int
	for n := last + 1; n <= a.number; n++ {
		added = append(added, n)
	}
	return watermark{}, false, true, in.Add(ctx, a.topic, added, "{}")
}

// told returns what the operator says about a log of which nothing is known.
func (a *assigned) told(ctx context.Context, start string, log *bounds) (watermark, error) {
	switch start {
	case "":
		return watermark{}, errors.New("the group has committed nothing, no watermark is kept, and leads were delivered before:" +
			" which of them, nobody knows. Set kafka.start to where to begin: earliest, latest, or a time")
	case StartEarliest:
		return watermark{Offset: log.first}, nil
	case StartLatest:
		return watermark{Offset: log.end}, nil
	}
	at, err := time.Parse(time.RFC3339, start)
	if err != nil {
		return watermark{}, fmt.Errorf("kafka.start: %w", err)
	}
	first, err := a.s.c.listTime(ctx, a.topic, a.number, at)
	if first < 0 {
		first = log.end
	}
	return watermark{Offset: first}, err
}

// fetchCommits asks the group's coordinator what is committed, and returns it as
// partitions to be read. It blocks until there is an answer, or ctx ends.
func (s *session) fetchCommits(ctx context.Context) ([]*assigned, error) {
	asked := make(map[string][]int)
	for topic, partitions := range s.gen.Assignments {
		for _, a := range partitions {
			asked[topic] = append(asked[topic], a.ID)
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	var all []*assigned
	err := s.untilAnswered(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		answer, err := s.c.opts.Client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: s.c.opts.Group, Topics: asked})
		if err == nil {
			err = answer.Error
		}
		if err != nil {
			return fmt.Errorf("ask what the group has committed: %w", err)
		}
		all, err = s.fromCommits(answer)
		return err
	})
	return all, err
}

func (s *session) fromCommits(answer *kafka.OffsetFetchResponse) ([]*assigned, error) {
	var all []*assigned
	for topic, partitions := range answer.Topics {
		for _, p := range partitions {
			if p.Error != nil {
				return nil, fmt.Errorf("ask what the group has committed of %s/%d: %w", topic, p.Partition, p.Error)
			}
			at := committed{offset: p.CommittedOffset, note: p.Metadata}
			all = append(all, &assigned{s: s, topic: topic, number: p.Partition, commit: at, from: at})
		}
	}
	return all, nil
}

// untilAnswered asks again until there is no error, or ctx ends.
func (s *session) untilAnswered(ctx context.Context, ask func() error) error {
	backOff := wait.Endless(100*time.Millisecond, 5*time.Second)
	return backoff.RetryNotify(ask, backoff.WithContext(backOff, ctx), func(err error, _ time.Duration) {
		s.c.health.cannotJoin(err)
	})
}

// checkTopics returns an error if a topic is missing. A missing topic has no
// partitions to be assigned, so that nothing else would fail. The error is
// permanent if the topics are outdated: the membership ends.
func (s *session) checkTopics(ctx context.Context) error {
	meta, err := s.c.opts.Client.Metadata(ctx, &kafka.MetadataRequest{Topics: s.m.topics()})
	if err != nil {
		return fmt.Errorf("ask for the topics: %w", err)
	}
	if err = topicsError(meta.Topics); err != nil && !s.m.stillCurrent(ctx) {
		return backoff.Permanent(err)
	}
	return err
}

// topicsError returns nil, or an error that names the missing topics, or else the
// first other error.
func topicsError(topics []kafka.Topic) error {
	var missing []string
	var first error
	for _, t := range topics {
		switch {
		case errors.Is(t.Error, kafka.UnknownTopicOrPartition):
			missing = append(missing, t.Name)
		case t.Error != nil && first == nil:
			first = fmt.Errorf("topic %s: %w", t.Name, t.Error)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing topics: %s; create them: leadhook topics create", strings.Join(missing, ", "))
	}
	return first
}
