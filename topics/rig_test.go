package topics_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/leadhook/leadhook/internal/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	topicName = kafkatest.TopicName
	within    = kafkatest.Within
)

type rig struct{ *kafkatest.Rig }

func newRig(t testing.TB) *rig { return &rig{kafkatest.New(t)} }

func newFake(t testing.TB, opts ...kfake.Opt) *rig { return &rig{kafkatest.NewFake(t, opts...)} }

func connect(t testing.TB, brokers ...string) *rig {
	return &rig{kafkatest.Connect(t, nil, brokers...)}
}
