package topics_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/topics"
)

// The live topic comes last, so that a service that is started between two steps finds
// nothing worse than topics with more partitions than they need.
func TestGrowChangesTheLiveTopicLast(t *testing.T) {
	r := newRig(t)
	live := topicName()
	if _, err := topics.Create(within(t), r.Client, retrySpecs(live)); err != nil {
		t.Fatal(err)
	}
	left := topics.RetryName(live, time.Hour) // of settings from before
	r.Create(t, left, 3, "message.timestamp.type=LogAppendTime", "retention.ms=-1", fmt.Sprintf("max.message.bytes=%d", 1048588+65536))
	var states []string
	stop := errors.New("stopped")
	grow := func(steps int) error {
		return topics.Grow(within(t), connect(t, r.Brokers...).Client, retrySpecs(live), 6, func(c topics.Created) error {
			states = append(states, fmt.Sprintf("%s %d before %d", strings.TrimPrefix(c.Topic, live), c.Partitions, c.Before))
			problems, err := topics.Check(within(t), connect(t, r.Brokers...).Client, retrySpecs(live)) // as a service that starts
			for _, p := range problems {
				if !p.Warning {
					t.Errorf("after %s: %s", states[len(states)-1], p.Text)
				}
			}
			if steps--; steps == 0 {
				return stop
			}
			return err
		})
	}
	for steps := 1; steps <= 5; steps++ {
		if err := grow(steps); !errors.Is(err, stop) {
			t.Fatal(err)
		}
	}
	states = nil
	if err := grow(0); err != nil {
		t.Fatal(err)
	}
	want := []string{
		".retry.1h 6 before 0", ".retry.10s 6 before 0", ".retry.12h 6 before 0", ".dlq 6 before 0", ".webhooks 1 before 0", " 6 before 3",
	}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("the last steps, -want +got:\n%s", diff)
	}
	if err := topics.Grow(within(t), connect(t, r.Brokers...).Client, retrySpecs(live), 5, nil); err == nil || !strings.Contains(err.Error(), "take partitions away") {
		t.Errorf("fewer partitions than there are: %v", err)
	}
}

func TestGrowCreatesWhatIsMissing(t *testing.T) {
	r := newRig(t)
	live := topicName()
	var got []topics.Created
	err := topics.Grow(within(t), r.Client, specs(live), 5, func(c topics.Created) error { got = append(got, c); return nil })
	want := []topics.Created{
		{Topic: live + ".dlq", Partitions: 5, Created: true},
		{Topic: live + ".webhooks", Partitions: 1, Created: true},
		{Topic: live, Partitions: 5, Created: true},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, result, -want +got:\n%s", err, diff)
	}
}
