package deadletter_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/producer"
)

func TestReplayRecord(t *testing.T) {
	letter := &deadletter.Letter{DeadLetter: *aLetter(), Partition: 3, Offset: 17}
	got := deadletter.ReplayRecord("leads.retry.10s", letter)
	want := producer.Record{
		Topic: "leads.retry.10s", Partition: 3, Key: []byte("USA_332240"), Value: letter.Message.Value,
		Headers: []lead.Header{
			header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
			header("leadhook.advertiser", "USA_332240"),
			header("leadhook.webhook", "84+TEST_1"),
			header("leadhook.delivery", "dlv_00112233445566778899aabbccddeeff"),
			header("leadhook.attempts", "0"),
			header("leadhook.step", "0"),
			header("leadhook.replays", "2"),
			header("leadhook.received", "2026-11-23T16:12:09.500Z"),
			header("leadhook.source", "leads/3/1842"),
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record, -want +got:\n%s", diff)
	}
}
