package deadletter_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/producer"
)

// TestMain looks for leaked goroutines for longer than goleak does by itself: when
// a follower ends, the broker still holds its last fetch for some seconds, and
// kafka-go keeps a goroutine for the answer.
func TestMain(m *testing.M) {
	const longPolls = 30 * time.Second
	if code := m.Run(); code != 0 {
		os.Exit(code)
	}
	leak := goleak.Find()
	for began := time.Now(); leak != nil && time.Since(began) < longPolls; {
		leak = goleak.Find()
	}
	if leak != nil {
		fmt.Fprintln(os.Stderr, leak)
		os.Exit(1)
	}
}

var (
	topicName = kafkatest.TopicName
	within    = kafkatest.Within
	waitFor   = kafkatest.WaitFor
	header    = kafkatest.Header
	aLetter   = kafkatest.Letter
)

type rig struct{ *kafkatest.Rig }

func newRig(t testing.TB) *rig { return &rig{kafkatest.New(t)} }

func newFake(t testing.TB) *rig { return &rig{kafkatest.NewFake(t)} }

func connect(t testing.TB, brokers ...string) *rig {
	return &rig{kafkatest.Connect(t, nil, brokers...)}
}

func publisher(t testing.TB, r *rig, log *zap.Logger) *producer.Publisher {
	t.Helper()
	p := producer.NewPublisher(producer.Options{Brokers: r.Brokers, Transport: r.Transport}, nil, log)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func messages(lines *observer.ObservedLogs) []string {
	var all []string
	for _, l := range lines.All() {
		all = append(all, l.Message)
	}
	return all
}
