package deadletter

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/lead"
)

const (
	requestTimeout = 10 * time.Second // for one request to a broker
	newPartitions  = 10 * time.Second // until partitions are looked for that have been added
	longPoll       = time.Second      // for a fetch when there is nothing new
	electionTime   = 5 * time.Second  // that a partition gets to have a leader
	immediately    = time.Millisecond // for a fetch of what is known to be there
	requestMaxSize = 1 << 20          // bytes a fetch brings, or one batch if that is larger
)

// A Letter is a dead letter as it lies in the dead-letter topic. Where nothing
// else is said, the event itself is left out (Message.Value is nil): a list of
// letters would hold all of their bytes, which are nothing to be shown either.
type Letter struct {
	lead.DeadLetter

	LeadID    string    // of the event; empty if it cannot be read
	Size      int       // of the event, in bytes
	Partition int       // where the letter lies in the dead-letter topic
	Offset    int64     // likewise
	Buried    time.Time // when it was published there
}

// A Reader reads the dead-letter topic without a consumer group: it
// commits nothing and disturbs nobody.
type Reader struct {
	// Progress, if set, is told how many offsets were read of how many at most,
	// after each request of List and of [Selection.Each], by several goroutines at
	// once.
	Progress func(done, of int64)

	client *kafka.Client
	topic  string
	outage *outage
}

// NewReader returns a reader of topic. It does not close the client's
// transport. What Tail waits for it tells log.
func NewReader(client *kafka.Client, topic string, log *zap.Logger) *Reader {
	return &Reader{
		client: client,
		topic:  topic,
		outage: newOutage(log, topic),
	}
}

// List returns the newest n letters of all partitions that the filter wants,
// newest first; fewer if there are not as many. It reads backwards from the
// ends, in growing chunks, so that the newest of a long topic are there as soon
// as those of a short one; where few are wanted, the filter's Since bounds how
// far back it looks. Some 2n letters and as many answers as partitions are read
// side by side are in memory at once. It fails at the first error, and when ctx
// ends.
func (r *Reader) List(ctx context.Context, f Filter, n int) ([]Letter, error) {
	letters, _, err := r.newest(ctx, &f, n)
	if err != nil {
		return nil, err
	}
	return letters, nil
}

// Tail yields the newest n letters that the filter wants, oldest of them first,
// and then every such letter that is added, as it arrives, until ctx ends or the
// loop is left. Partitions that are added later are read from their beginning.
//
// It yields an error, and ends, only if it cannot find its beginning. Later,
// while Kafka is away, it waits, tells the log so, and goes on where it was.
func (r *Reader) Tail(ctx context.Context, f Filter, n int) iter.Seq2[Letter, error] {
	return func(yield func(Letter, error) bool) {
		recent, ends, err := r.newest(ctx, &f, n)
		if err != nil {
			yield(Letter{}, err)
			return
		}
		for _, letter := range slices.Backward(recent) {
			if !yield(letter, nil) {
				return
			}
		}
		for letter := range r.follow(ctx, &f, ends) {
			if !yield(letter, nil) {
				return
			}
		}
	}
}
