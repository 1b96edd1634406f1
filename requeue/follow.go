package requeue

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/topics"
)

// follow yields what is added behind the ends and wanted.
func (r *DeadLetterReader) follow(ctx context.Context, f *Filter, ends map[int]int64) iter.Seq[Letter] {
	return func(yield func(Letter) bool) {
		var readers sync.WaitGroup
		defer readers.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		arrived := make(chan Letter)
		send := func(found *found) error {
			if !f.Wants(&found.Letter) {
				return nil
			}
			letter, err := found.letter(false)
			select {
			case arrived <- letter:
			case <-ctx.Done():
			}
			return err
		}
		readers.Go(func() { r.followAll(ctx, &readers, ends, send) })
		for {
			select {
			case letter := <-arrived:
				if !yield(letter) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// followAll starts a goroutine for each partition, also for those to come.
func (r *DeadLetterReader) followAll(
	ctx context.Context, readers *sync.WaitGroup, ends map[int]int64, send func(*found) error,
) {
	known := maps.Clone(ends)
	for partition, offset := range known {
		readers.Go(func() { r.followOne(ctx, partition, offset, send) })
	}
	for pause(ctx, newPartitions); ctx.Err() == nil; pause(ctx, newPartitions) {
		partitions, err := topics.Partitions(ctx, r.client, r.topic)
		if err != nil {
			continue // the readers of the partitions say so
		}
		for _, p := range partitions {
			if _, ok := known[p.ID]; !ok {
				known[p.ID] = 0
				readers.Go(func() { r.followOne(ctx, p.ID, 0, send) })
			}
		}
	}
}

// followOne reads one partition until ctx ends.
func (r *DeadLetterReader) followOne(ctx context.Context, partition int, offset int64, send func(*found) error) {
	at, waits := topics.Partition{Topic: r.topic, Number: partition}, newBackOff()
	var current *trouble
	for ctx.Err() == nil {
		next, err := r.step(ctx, partition, offset, send)
		offset = next
		if err == nil {
			r.troubles.recovered(current)
			current = nil
			waits.Reset()
			continue
		}
		current = cmp.Or(current, &trouble{at: at, since: time.Now()})
		if ctx.Err() == nil {
			r.troubles.begin(current, at.Explain(err, r.client.Addr.String()))
			pause(ctx, waits.NextBackOff())
		}
	}
	r.troubles.abandoned(current)
}

// step waits a while for records behind offset, and returns the next offset
// whatever the error. Where offset does not exist any more (retention has gone
// past it, or the topic was made again) it goes on with the first that does.
func (r *DeadLetterReader) step(ctx context.Context, partition int, offset int64, see func(*found) error) (int64, error) {
	next, err := r.fetch(ctx, partition, offset, longPoll, see)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return r.restart(ctx, partition, offset)
	}
	return next, err
}
