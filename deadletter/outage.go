package deadletter

import (
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/leadhook/leadhook/internal/wait"
)

// A topicOutage logs that the dead-letter topic cannot be read: it lasts while any
// of the partitions cannot.
type topicOutage struct {
	lines *wait.Outage

	mu      sync.Mutex
	failing map[int]bool // guarded by mu: the partitions that cannot be read
}

func newTopicOutage(log *zap.Logger, topic string) *topicOutage {
	return &topicOutage{failing: make(map[int]bool), lines: wait.NewOutage(log, zapcore.WarnLevel,
		"cannot read dead letters; retrying", "reading dead letters again", zap.String("topic", topic))}
}

func (o *topicOutage) failed(partition int, cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failing[partition] = true
	o.lines.Failed(cause)
}

func (o *topicOutage) recovered(partition int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if delete(o.failing, partition); len(o.failing) == 0 {
		o.lines.Recovered()
	}
}

// abandoned notes that the partition is no longer read. The log does not say
// that the outage is over: it may not be.
func (o *topicOutage) abandoned(partition int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if delete(o.failing, partition); len(o.failing) == 0 {
		o.lines.Forget()
	}
}
