package record_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/record"
)

var (
	header = kafkatest.Header
	at     = kafkatest.Time
)

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		letter := kafkatest.AnyLetter(rt)
		event := letter.Message
		lies := event
		lies.Topic, lies.Offset = "leads.dlq", 7
		lies.Headers = record.DeadLetterHeaders(letter)
		if diff := cmp.Diff(*letter, record.ReadDeadLetter(&lies), cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("dead letter read back, -want +got:\n%s", diff)
		}
		waiting := lead.Waiting{
			Message: event, History: letter.History, NotBefore: at("2026-11-23T16:12:09.500Z"), Reason: letter.Reason,
		}
		lies.Headers = record.WaitingHeaders(&waiting)
		if diff := cmp.Diff(waiting, record.ReadWaiting(&lies), cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("waiting delivery read back, -want +got:\n%s", diff)
		}
	})
}

func TestReadDeadLetterIsTolerant(t *testing.T) {
	got := record.ReadDeadLetter(&lead.Message{
		Topic: "leads.dlq", Partition: 4, Offset: 7, Key: []byte("k"), Value: []byte("v"),
		Headers: []lead.Header{
			header("leadhook.reason", "gone"),
			header("leadhook.attempts", "many"),
			header("leadhook.step", "-1"),
			header("leadhook.received", "yesterday"),
			header("leadhook.last-attempt", "2026-11-23T17:12:09+01:00"),
			header("leadhook.source", "leads/4"),
			header("leadhook.future", "kept out"),
		},
	})
	want := lead.DeadLetter{
		Reason:  lead.Gone,
		History: lead.History{LastAttempt: at("2026-11-23T16:12:09Z")},
		Message: lead.Message{Partition: 4, Offset: -1, Key: []byte("k"), Value: []byte("v")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("letter, -want +got:\n%s", diff)
	}
}

func FuzzReadDeadLetter(f *testing.F) {
	f.Add("leadhook.source", []byte("leads/1/2"))
	f.Add("leadhook.received", []byte("2026-11-23T16:12:09.500Z"))
	f.Add("leadhook.attempts", []byte("99999999999999999999"))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		got := record.ReadDeadLetter(&lead.Message{Headers: []lead.Header{{Key: key, Value: value}}})
		if got.Attempts < 0 || got.Step < 0 || got.Message.Partition < 0 || got.Message.Offset < -1 {
			t.Errorf("impossible numbers in %+v", got)
		}
	})
}
