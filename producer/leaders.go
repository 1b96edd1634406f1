package producer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// askLeadersEvery is how often the leaders of partitions are asked for at most, beside
// what the transport asks by itself every few seconds.
const askLeadersEvery = 250 * time.Millisecond

// askLeadersTimeout is for one such question.
const askLeadersTimeout = 2 * time.Second

// leaders has the transport ask for the leaders of partitions when one has moved.
type leaders struct {
	mu    sync.Mutex
	asked time.Time // guarded by mu
}

// askAgain asks for the leaders if an error says that what is known of them is outdated,
// and returns once they are known.
//
// The transport of kafka-go answers requests for metadata from what it knows, and has no
// method to forget that. But it learns anew after a request that may create a topic which
// it does not know. No broker creates one of this name.
func (l *leaders) askAgain(ctx context.Context, client *kafka.Client, cause error) {
	if !isMoved(cause) || !l.due() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askLeadersTimeout)
	defer cancel()
	transport := client.Transport
	if transport == nil {
		transport = kafka.DefaultTransport
	}
	const noTopic = "/"
	_, _ = transport.RoundTrip(ctx, client.Addr, &metadata.Request{TopicNames: []string{noTopic}, AllowAutoTopicCreation: true})
}

// due reports whether it is time for another question.
func (l *leaders) due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.asked) < askLeadersEvery {
		return false
	}
	l.asked = time.Now()
	return true
}

// isMoved reports whether an error may come from asking a broker that does not lead the
// partition, or no longer exists.
func isMoved(err error) bool {
	for _, cause := range []error{
		kafka.NotLeaderForPartition, kafka.LeaderNotAvailable, kafka.BrokerNotAvailable, kafka.FencedLeaderEpoch,
		kafka.UnknownLeaderEpoch, protocol.ErrNoLeader,
	} {
		if errors.Is(err, cause) {
			return true
		}
	}
	_, answered := errors.AsType[kafka.Error](err)
	return !answered && !errors.Is(err, protocol.ErrNoTopic) && !errors.Is(err, protocol.ErrNoPartition) // no connection
}
