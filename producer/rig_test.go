package producer_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/producer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	within    = kafkatest.Within
	waitFor   = kafkatest.WaitFor
	header    = kafkatest.Header
	at        = kafkatest.Time
	aLetter   = kafkatest.Letter
	anyLetter = kafkatest.AnyLetter
)

type rig struct{ *kafkatest.Rig }

func newRig(t testing.TB) *rig { return &rig{kafkatest.New(t)} }

func newFake(t testing.TB, opts ...kfake.Opt) *rig { return &rig{kafkatest.NewFake(t, opts...)} }

func connect(t testing.TB, brokers ...string) *rig {
	return &rig{kafkatest.Connect(t, nil, brokers...)}
}

func publisher(t testing.TB, r *rig, log *zap.Logger) *producer.Publisher {
	t.Helper()
	p := producer.NewPublisher(producer.Options{Brokers: r.Brokers, Transport: r.Transport}, nil, log)
	t.Cleanup(func() { _ = p.Close() })
	return p
}
