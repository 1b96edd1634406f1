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
	requestTimeout = 10 * time.Second // of one request to a broker
	newPartitions  = 10 * time.Second // between two checks for added partitions
	longPoll       = time.Second      // how long a fetch waits for new records
	electionTime   = 5 * time.Second  // within which a partition should get a leader
	immediately    = time.Millisecond // how long a fetch of existing records waits
	requestMaxSize = 1 << 20          // bytes of one fetch, or one batch if that is larger
)

// A Letter is a dead letter in the dead-letter topic. The event itself is left out
// (Message.Value is nil) unless a function's documentation says otherwise, since a
// list of letters would hold the bytes of all events.
type Letter struct {
	lead.DeadLetter

	LeadID    string    // of the event; empty if it cannot be read
	Newer     bool      // a later version wrote it in a format that this one cannot read
	Size      int       // of the event, in bytes
	Partition int       // of the letter in the dead-letter topic
	Offset    int64     // of the letter in that partition
	Buried    time.Time // when it was published there
	NotBefore time.Time // when it is due, if it is none but waits: see [EachWaiting]; zero if it was due at once
}

// A Reader reads the dead-letter topic without a consumer group: it commits
// nothing and disturbs no other reader.
type Reader struct {
	// Progress, if set, is called after each request of List and of
	// [Selection.Each] with the number of offsets that were read and of those that
	// will be read at most. Several goroutines may call it at once.
	Progress func(done, of int64)

	client *kafka.Client
	topic  string
	what   string // is read
	outage *topicOutage
}

// NewReader returns a Reader of topic. It does not close the client's transport.
// Tail logs an outage of Kafka to log.
func NewReader(client *kafka.Client, topic string, log *zap.Logger) *Reader {
	return &Reader{
		client: client,
		topic:  topic,
		what:   "dead letters",
		outage: newTopicOutage(log, topic),
	}
}

// List returns the newest n letters of all partitions that the filter wants,
// newest first, or fewer if there are not as many. It reads backwards from the ends,
// in growing chunks, so that a long topic takes no more time than a short one. If
// the filter wants few letters, its Since limits how far back List reads. About 2n
// letters, and the answers of the partitions that are read at the same time, are in
// memory at once. It returns the first error, or the cause of ctx if that ends.
func (r *Reader) List(ctx context.Context, f Filter, n int) ([]Letter, error) {
	letters, _, err := r.findNewest(ctx, &f, n)
	if err != nil {
		return nil, err
	}
	return letters, nil
}

// Tail yields the newest n letters that the filter wants, the oldest of them
// first, and then every such letter that is added, as it arrives, until ctx ends
// or the loop is left. Partitions that are added later are read from their
// beginning.
//
// It yields an error, and ends, only if it cannot read those n letters. Later, while
// Kafka cannot be reached, it waits and logs that, and then continues where it was.
func (r *Reader) Tail(ctx context.Context, f Filter, n int) iter.Seq2[Letter, error] {
	return func(yield func(Letter, error) bool) {
		recent, ends, err := r.findNewest(ctx, &f, n)
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
