package deadletter

import (
	"context"
	"errors"
	"iter"
	"maps"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/topics"
)

// follow yields the wanted letters that are added after the offsets in ends, until
// ctx ends or the loop is left.
func (r *Reader) follow(ctx context.Context, f *Filter, ends map[int]int64) iter.Seq[Letter] {
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
			if !f.wantsLead(&letter) {
				return err
			}
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

// followAll starts a goroutine for each partition, and for each that is added, until
// ctx ends.
func (r *Reader) followAll(
	ctx context.Context, readers *sync.WaitGroup, ends map[int]int64, send func(*found) error,
) {
	known := maps.Clone(ends)
	for partition, offset := range known {
		readers.Go(func() { r.followOne(ctx, partition, offset, send) })
	}
	for wait.For(ctx, newPartitions) {
		partitions, err := topics.Partitions(ctx, r.client, r.topic)
		if err != nil {
			continue // the goroutines of the partitions log the outage
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
func (r *Reader) followOne(ctx context.Context, partition int, offset int64, send func(*found) error) {
	at, backOff := topics.Partition{Topic: r.topic, Number: partition}, wait.Endless(100*time.Millisecond, 4*time.Second)
	defer r.outage.abandoned(partition)
	for ctx.Err() == nil {
		next, err := r.step(ctx, partition, offset, send)
		offset = next
		if err == nil {
			r.outage.recovered(partition)
			backOff.Reset()
			continue
		}
		if ctx.Err() == nil {
			r.outage.failed(partition, at.Explain(err, r.client.Addr.String()))
			wait.For(ctx, backOff.NextBackOff())
		}
	}
}

// step waits a moment for records from offset on, and returns the next offset,
// also with an error. If offset no longer exists (retention has deleted it, or the
// topic was recreated), the first offset that exists is the next.
func (r *Reader) step(ctx context.Context, partition int, offset int64, visit func(*found) error) (int64, error) {
	next, err := r.fetch(ctx, partition, offset, longPoll, visit)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return r.validOffset(ctx, partition, offset)
	}
	return next, err
}
