package deadletter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/leadhook/leadhook/topics"
)

// A Selection is the part of the dead-letter topic that a filter wants, as it was
// at one moment: letters that are added later are not in it.
type Selection struct {
	reader *Reader
	filter Filter
	ranges map[int]offsetRange
}

// Select selects the letters that exist now and that the filter wants.
func (r *Reader) Select(ctx context.Context, f Filter) (*Selection, error) {
	s := &Selection{reader: r, filter: f}
	err := whileElecting(ctx, func() (err error) {
		s.ranges, err = r.ranges(ctx, &f)
		return err
	})
	if err != nil {
		return nil, r.readError(err, topics.AnyPartition)
	}
	return s, nil
}

// Only returns the part of the selection that is at one offset: a letter, or nothing.
func (s *Selection) Only(partition int, offset int64) *Selection {
	only := *s
	at := s.ranges[partition]
	only.ranges = map[int]offsetRange{partition: {max(at.first, offset), min(at.end, offset+1)}}
	return &only
}

// Each calls visit with every letter of the selection, one call at a time. The letters
// of a partition come in order; several partitions are read at the same time. If
// events is set, a letter has its LeadID and the event itself (Message.Value), which
// takes time; otherwise both are left out. Each returns the first error, of visit, of
// Kafka or of ctx. It may be called more than once; letters that retention has deleted
// meanwhile are skipped.
func (s *Selection) Each(ctx context.Context, events bool, visit func(l *Letter) error) error {
	count := s.reader.count(s.ranges)
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(sideBySide)
	v := &visitor{ctx: ctx, filter: &s.filter, events: events, visit: visit}
	for partition, offsets := range maps.All(s.ranges) {
		readers.Go(func() error { return s.reader.read(ctx, partition, offsets, count, v.visitFound) })
	}
	return readers.Wait()
}

// A visitor calls visit with the letters that a filter wants, one call at a time,
// until an error is returned.
type visitor struct {
	ctx    context.Context //nolint:containedctx // of one call of Each; nothing is visited after its end
	filter *Filter
	events bool

	mu    sync.Mutex // held while visit runs
	visit func(l *Letter) error
	ended error // guarded by mu; the error that visit returned: the context ends only some time later
}

func (v *visitor) visitFound(f *found) error {
	if !v.filter.Wants(&f.Letter) {
		return nil
	}
	letter := f.Letter
	if v.events || v.filter.Lead != "" {
		var err error
		if letter, err = f.letter(v.events); err != nil || !v.filter.wantsLead(&letter) {
			return err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := cmp.Or(v.ended, context.Cause(v.ctx)); err != nil {
		return err
	}
	v.ended = v.visit(&letter)
	return v.ended
}

// Get returns the letter at one offset, with its event (Message.Value). It is an
// error if there is no such letter.
func (r *Reader) Get(ctx context.Context, partition int, offset int64) (Letter, error) {
	all, err := r.Select(ctx, Filter{})
	if err != nil {
		return Letter{}, err
	}
	at, exists := all.ranges[partition]
	missing := fmt.Sprintf("there is no dead letter %d/%d: ", partition, offset)
	switch {
	case !exists:
		return Letter{}, fmt.Errorf("%sthe topic %s has no partition %d", missing, r.topic, partition)
	case at.first == at.end:
		return Letter{}, fmt.Errorf("%spartition %d has none", missing, partition)
	case offset < at.first || offset >= at.end:
		return Letter{}, fmt.Errorf("%spartition %d has those from %d to %d", missing, partition, at.first, at.end-1)
	}
	var got *Letter
	err = all.Only(partition, offset).Each(ctx, true, func(l *Letter) error {
		got = l
		return nil
	})
	if err == nil && got == nil {
		err = errors.New(missing + "the offset has no record")
	}
	if err != nil {
		return Letter{}, err
	}
	return *got, nil
}
