//go:build real

package producer_test

import (
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/leadhook/leadhook/producer"
)

func TestThePublisherTellsTheBrokersTime(t *testing.T) {
	r := newRig(t)
	type compared struct{ theirs, asked, answered time.Time }
	told := make(chan compared, 2)
	p := producer.NewPublisher(producer.Options{Brokers: r.Brokers, Transport: r.Transport, Compare: func(theirs, asked, answered time.Time) {
		told <- compared{theirs, asked, answered}
	}}, nil, zaptest.NewLogger(t))
	t.Cleanup(func() { _ = p.Close() })
	for _, stamped := range []string{"CreateTime", "LogAppendTime"} { // the first does not tell it
		if err := p.Publish(within(t), producer.Record{Topic: r.Topic(t, 1, "message.timestamp.type="+stamped), Value: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	if got := <-told; got.theirs.Before(got.asked.Truncate(time.Millisecond)) || got.theirs.After(got.answered) || len(told) > 0 {
		t.Errorf("told %+v and %d others, want one moment", got, len(told))
	}
}
