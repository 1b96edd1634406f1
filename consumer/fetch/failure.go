package fetch

import (
	"time"

	"github.com/segmentio/kafka-go"
)

const firstPause, longestPause = 100 * time.Millisecond, time.Second

// failed notes why the partition cannot be fetched, and has it tried again after a pause,
// alone. Once is not told: a connection that was idle was closed, or the leader moved. The
// caller holds Fetcher.mu.
func (p *Partition) failed(err error, leaderLost bool) {
	f := p.f
	if leaderLost {
		p.leader = ""
		f.lookUp()
	}
	if p.failures++; p.failures == 1 {
		return
	}
	pause := min(firstPause<<min(p.failures-2, 10), longestPause)
	p.pausedUntil = time.Now().Add(pause)
	time.AfterFunc(pause, f.askAgain)
	if text := err.Error(); text != p.reason {
		p.reason = text
		f.opts.Failed(p.topic, p.number, err)
	}
}

// recovered notes that the partition was fetched. The caller holds Fetcher.mu.
func (p *Partition) recovered() {
	if p.unread { // it was fetched before too
		return
	}
	p.failures = 0
	if p.reason != "" {
		p.reason = ""
		p.f.opts.Failed(p.topic, p.number, nil)
	}
}

// leaderMoved reports whether the error means that another broker leads the partition.
func leaderMoved(code kafka.Error) bool {
	switch code {
	case kafka.NotLeaderForPartition, kafka.LeaderNotAvailable, kafka.UnknownTopicOrPartition,
		kafka.ReplicaNotAvailable, kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch,
		kafka.BrokerNotAvailable, kafka.KafkaStorageError, kafka.UnknownTopicID:
		return true
	default:
		return false
	}
}
