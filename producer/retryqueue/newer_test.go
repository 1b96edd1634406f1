package retryqueue_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/leadhook/leadhook/lead"
)

func TestARecordOfALaterVersionGoesRoundAsItIs(t *testing.T) {
	r, live, queue := queueRig(t)
	m := &lead.Message{
		Topic: live + ".retry.1m", Partition: 2, Offset: 12, Key: []byte("USA_1"), Value: []byte("sealed in some way"),
		Headers: []lead.Header{header("leadhook.format", "2"), header("leadhook.not-before", "tomorrow"), header("x", "y")},
	}
	if !queue.IsNewer(m) {
		t.Fatal("it does not count as newer")
	}
	if err := queue.PutBack(within(t), m); err != nil {
		t.Fatal(err)
	}
	got := r.Reader(t, m.Topic, 2)()
	if diff := cmp.Diff(*m, got, cmpopts.IgnoreFields(lead.Message{}, "Topic", "Offset", "Time")); diff != "" {
		t.Errorf("put back, -want +got:\n%s", diff)
	}
	for name, other := range map[string]*lead.Message{
		"of this version":  {Topic: m.Topic, Headers: []lead.Header{header("leadhook.format", "1")}},
		"without a format": {Topic: m.Topic},
		"a producer's":     {Topic: live, Headers: m.Headers}, // who may write what they like
	} {
		if queue.IsNewer(other) {
			t.Errorf("one %s counts as newer", name)
		}
	}
}
