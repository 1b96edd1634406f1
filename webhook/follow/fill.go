package follow

import (
	"context"
	"errors"
	"slices"

	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/shares"
	"github.com/leadhook/leadhook/webhook/topic"
)

// The bounds of what one script of Redis applies, so that other clients do not wait long
// behind it.
const (
	fillRecords = 200
	fillBytes   = 1 << 20
)

// Fill applies to each share what the topic has below end, and returns how far each has
// got. Others may fill at the same time. A share that cannot be read or written has Err
// set; the error is about the topic, and is [ErrWentBack] if a share has what the topic
// lost.
func (l *Log) Fill(ctx context.Context, epoch string, end int64) ([shares.Count]shares.State, error) {
	lag(ctx)
	states := l.Shares.States(ctx, epoch)
	// First of all: a share that was lost too would be filled from what is left of the topic.
	if err := l.checkEnds(ctx, &states, end); err != nil {
		return states, err
	}
	for {
		from, behind := furthestBehind(&states, end)
		if !behind {
			return states, nil
		}
		chunk, err := l.fetchAfter(ctx, from)
		if err != nil {
			return states, unread(err)
		}
		if chunk.Next <= from {
			return states, filledBeyond(from, chunk.End)
		}
		work, err := divide(&states, &chunk)
		if err != nil {
			return states, err
		}
		if moved := l.apply(ctx, epoch, &states, work); moved {
			states = l.Shares.States(ctx, epoch)
			if err := l.checkEnds(ctx, &states, end); err != nil {
				return states, err
			}
		}
	}
}

// fetchAfter returns records from an offset on, and the one right before it if there is
// one. Nothing from the offset on means that the topic does not reach there.
func (l *Log) fetchAfter(ctx context.Context, from int64) (topic.Chunk, error) {
	chunk, err := l.Topic.Fetch(ctx, max(from-1, 0), 0, fetchBytes)
	if err != nil || chunk.Next > from || chunk.End <= from {
		return chunk, err
	}
	// Kafka answers from one segment of the log: the record before was the last of its.
	rest, err := l.Topic.Fetch(ctx, from, 0, fetchBytes)
	rest.Records = slices.Concat(chunk.Records, rest.Records)
	return rest, err
}

// furthestBehind returns the least offset up to which a share has been filled, and
// whether any is behind end. Shares that cannot be used are not looked at.
func furthestBehind(states *[shares.Count]shares.State, end int64) (from int64, behind bool) {
	from = end
	for i := range states {
		if s := &states[i]; s.Err == nil && s.Applied < from {
			from, behind = s.Applied, true
		}
	}
	return from, behind
}

// checkEnds returns [ErrWentBack] if a share was filled from beyond the topic's end.
func (l *Log) checkEnds(ctx context.Context, states *[shares.Count]shares.State, end int64) error {
	furthest := end
	for i := range states {
		furthest = max(furthest, states[i].Applied)
	}
	if furthest == end {
		return nil
	}
	now, err := l.end(ctx)
	if err != nil {
		return err
	}
	if furthest > now {
		return filledBeyond(furthest, now)
	}
	return nil
}

// divide returns what a part of the topic has for each share that stands within it. The
// error is [ErrWentBack] if the record that a share was last filled with is another one
// in the topic.
func divide(states *[shares.Count]shares.State, chunk *topic.Chunk) ([]shares.Step, error) {
	var steps [shares.Count]step
	head := "" // of the record right before the next offset
	for i := range chunk.Records {
		r := &chunk.Records[i]
		head = changeOf(r)
		if err := checkHead(states, r.Offset, head); err != nil {
			return nil, err
		}
		n := shares.Of(r.Key)
		if s := &states[n]; s.Err == nil && s.Applied <= r.Offset && applies(r) {
			steps[n].add(r, head)
		}
	}
	if k := len(chunk.Records); k == 0 || chunk.Records[k-1].Offset+1 != chunk.Next {
		head = ""
	}
	var work []shares.Step
	for n := range states {
		if s := &states[n]; s.Err == nil && s.Applied < chunk.Next {
			to := shares.Place{Applied: chunk.Next, Head: head}
			if steps[n].full() {
				to = steps[n].to
			}
			work = append(work, shares.Step{Share: n, From: s.Place, To: to, Records: steps[n].records})
		}
	}
	return work, nil
}

// checkHead returns [ErrWentBack] if a share was last filled with another record of that
// offset than the one with the change id head.
func checkHead(states *[shares.Count]shares.State, offset int64, head string) error {
	for n := range states {
		if s := &states[n]; s.Err == nil && s.Applied == offset+1 && !sameRecord(s.Head, head) {
			return filledOtherwise(offset)
		}
	}
	return nil
}

// A step is what one script applies to a share.
type step struct {
	records []shares.Record
	bytes   int
	to      shares.Place // behind the last record
}

func (s *step) full() bool { return len(s.records) >= fillRecords || s.bytes >= fillBytes }

// add adds a record with the change id head, unless the step is full.
func (s *step) add(r *topic.Record, head string) {
	if s.full() {
		return
	}
	s.records = append(s.records, shares.Record{Key: r.Key, Value: r.Value, Offset: r.Offset})
	s.bytes += len(r.Value)
	s.to = shares.Place{Applied: r.Offset + 1, Head: head}
}

// applies reports whether a record says something about a key of a share.
func applies(r *topic.Record) bool {
	if _, isID := entry.WebhookOf(r.Key); !isID && !entry.IsAdvertiser(r.Key) || r.Value == nil {
		return false
	}
	_, err := entry.Parse(r.Value)
	return err == nil
}

// apply fills shares, and reports whether another filler was faster with one of them.
func (l *Log) apply(ctx context.Context, epoch string, states *[shares.Count]shares.State, work []shares.Step) (moved bool) {
	for i, err := range l.Shares.Fill(ctx, epoch, work) {
		s := &states[work[i].Share]
		switch {
		case err == nil:
			s.Place = work[i].To
		case errors.Is(err, shares.ErrMoved):
			moved = true
		default:
			s.Err = err
		}
	}
	return moved
}
