package requeue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/lead"
)

const (
	chunkRecords   = 100              // read from a partition at once, going backwards
	newPartitions  = 10 * time.Second // until partitions are looked for that have been added
	longPoll       = time.Second      // for a fetch when there is nothing new
	electionTime   = 5 * time.Second  // that a partition gets to have a leader
	immediately    = time.Millisecond // for a fetch of what is known to be there
	requestMaxSize = 1 << 20          // bytes a fetch brings, or one batch if that is larger
)

// A Letter is a dead letter as it lies in the dead-letter topic. The event
// itself is left out (Message.Value is nil): a list of letters would hold all
// of their bytes, which are nothing to be shown either.
type Letter struct {
	lead.DeadLetter

	LeadID    string    // of the event; empty if it cannot be read
	Size      int       // of the event, in bytes
	Partition int       // where the letter lies in the dead-letter topic
	Offset    int64     // likewise
	Buried    time.Time // when it was published there
}

// A DeadLetterReader reads the dead-letter topic without a consumer group: it
// commits nothing and disturbs nobody.
type DeadLetterReader struct {
	client   *kafka.Client
	topic    string
	troubles *troubles
}

// NewDeadLetterReader returns a reader of topic. It does not close the client's
// transport. What Tail waits for it tells log.
func NewDeadLetterReader(client *kafka.Client, topic string, log *zap.Logger) *DeadLetterReader {
	return &DeadLetterReader{
		client:   client,
		topic:    topic,
		troubles: newTroubles(log, "cannot read, trying again", "reading again"),
	}
}

// List returns the newest n letters of all partitions, newest first; fewer if
// there are not as many. It reads backwards from the ends, in chunks, so that
// a long topic costs no more than a short one; n letters and a chunk are in
// memory at once. It fails at the first error, and when ctx ends.
func (r *DeadLetterReader) List(ctx context.Context, n int) ([]Letter, error) {
	letters, _, err := r.newest(ctx, n)
	return letters, err
}

// Tail yields the newest n letters, oldest of them first, and then every letter
// that is added, as it arrives, until ctx ends or the loop is left. Partitions
// that are added later are read from their beginning.
//
// It yields an error, and ends, only if it cannot find its beginning. Later,
// while Kafka is away, it waits, tells the log so, and goes on where it was.
func (r *DeadLetterReader) Tail(ctx context.Context, n int) iter.Seq2[Letter, error] {
	return func(yield func(Letter, error) bool) {
		recent, ends, err := r.newest(ctx, n)
		if err != nil {
			yield(Letter{}, err)
			return
		}
		for _, letter := range slices.Backward(recent) {
			if !yield(letter, nil) {
				return
			}
		}
		for letter := range r.follow(ctx, ends) {
			if !yield(letter, nil) {
				return
			}
		}
	}
}

// follow yields what is added behind the ends.
func (r *DeadLetterReader) follow(ctx context.Context, ends map[int]int64) iter.Seq[Letter] {
	return func(yield func(Letter) bool) {
		var readers sync.WaitGroup
		defer readers.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		arrived := make(chan Letter)
		readers.Go(func() { r.followAll(ctx, &readers, ends, arrived) })
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
	ctx context.Context, readers *sync.WaitGroup, ends map[int]int64, arrived chan<- Letter,
) {
	known := maps.Clone(ends)
	for partition, offset := range known {
		readers.Go(func() { r.followOne(ctx, partition, offset, arrived) })
	}
	for pause(ctx, newPartitions); ctx.Err() == nil; pause(ctx, newPartitions) {
		partitions, err := partitionsOf(ctx, r.client, r.topic)
		if err != nil {
			continue // the readers of the partitions say so
		}
		for _, p := range partitions {
			if _, ok := known[p.ID]; !ok {
				known[p.ID] = 0
				readers.Go(func() { r.followOne(ctx, p.ID, 0, arrived) })
			}
		}
	}
}

// followOne reads one partition until ctx ends.
func (r *DeadLetterReader) followOne(ctx context.Context, partition int, offset int64, arrived chan<- Letter) {
	at, waits := place{r.topic, partition}, newBackOff()
	var current *trouble
	send := func(l Letter) {
		select {
		case arrived <- l:
		case <-ctx.Done():
		}
	}
	for ctx.Err() == nil {
		next, err := r.step(ctx, partition, offset, send)
		offset = next
		if err == nil {
			r.troubles.recovered(current)
			current = nil
			waits.Reset()
			continue
		}
		current = cmp.Or(current, &trouble{place: at, since: time.Now()})
		if ctx.Err() == nil {
			r.troubles.begin(current, explain(err, at, r.client.Addr.String()))
			pause(ctx, waits.NextBackOff())
		}
	}
	r.troubles.abandoned(current)
}

// newest finds the newest n letters, newest first, and where the partitions
// ended when it began. It gives partitions that have no leader, since they were
// created or their leader went just now, some seconds to get one.
func (r *DeadLetterReader) newest(ctx context.Context, n int) (letters []Letter, ends map[int]int64, err error) {
	wait := backoff.NewExponentialBackOff(backoff.WithInitialInterval(100*time.Millisecond),
		backoff.WithMaxInterval(time.Second), backoff.WithMaxElapsedTime(electionTime))
	look := func() error {
		letters, ends, err = r.look(ctx, n)
		if errors.Is(err, kafka.NotLeaderForPartition) || errors.Is(err, kafka.LeaderNotAvailable) {
			return err
		}
		return backoff.Permanent(err)
	}
	return letters, ends, backoff.Retry(look, backoff.WithContext(wait, ctx))
}

// look makes one try at newest.
func (r *DeadLetterReader) look(ctx context.Context, n int) ([]Letter, map[int]int64, error) {
	spans, err := r.spans(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("reading dead letters: %w",
			explain(err, place{r.topic, keyDecides}, r.client.Addr.String()))
	}
	var letters []Letter
	ends := make(map[int]int64, len(spans))
	for partition, s := range spans {
		ends[partition] = s.end
		if letters, err = r.merge(ctx, letters, n, partition, s); err != nil {
			at := place{r.topic, partition}
			return nil, nil, fmt.Errorf("reading dead letters of %s: %w", at,
				explain(err, at, r.client.Addr.String()))
		}
	}
	return letters, ends, nil
}

// merge goes backwards through a partition, and keeps the newest n of letters
// and what it finds, newest first. It stops where a whole chunk is older than
// all of them: a partition is in order of time but for the moments that
// concurrent publishers overtake each other.
func (r *DeadLetterReader) merge(ctx context.Context, letters []Letter, n int, partition int, s span) ([]Letter, error) {
	for end := s.end; end > s.first && n > 0; {
		begin := max(s.first, end-int64(min(n, chunkRecords)))
		chunk, err := r.read(ctx, partition, span{begin, end})
		if err != nil {
			return nil, err
		}
		if len(letters) == n && len(chunk) > 0 && slices.MaxFunc(chunk, byTime).Buried.Before(letters[n-1].Buried) {
			break
		}
		letters = append(letters, chunk...)
		slices.SortFunc(letters, func(a, b Letter) int { return byTime(b, a) })
		letters = letters[:min(n, len(letters))]
		end = begin
	}
	return letters, nil
}

func byTime(a, b Letter) int {
	return cmp.Or(a.Buried.Compare(b.Buried), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
}
