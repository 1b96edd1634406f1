package ledger_test

import (
	"maps"
	"testing"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/ledger"
)

func TestWatermarksOfATopicAreKept(t *testing.T) {
	rdb := redistest.New(t)
	w := ledger.NewWatermarks(rdb, "")
	for _, marks := range []map[int]string{{0: "a", 11: "b"}, {11: "c", 2: "d"}} {
		if err := w.Store(t.Context(), "leads", marks); err != nil {
			t.Fatal(err)
		}
	}
	want := map[int]string{0: "a", 2: "d", 11: "c"}
	for prefix, want := range map[string]map[int]string{"leadhook": want, "another": {}} {
		if got, err := ledger.NewWatermarks(rdb, prefix).Load(t.Context(), "leads"); err != nil || !maps.Equal(got, want) {
			t.Errorf("of the prefix %s: got %v, error %v, want %v", prefix, got, err, want)
		}
	}
	if got, err := w.Load(t.Context(), "leads.retry.10s"); err != nil || len(got) > 0 {
		t.Errorf("of a topic without: got %v, error %v", got, err)
	}
	if kept, err := rdb.TTL(t.Context(), "leadhook:watermarks:leads").Result(); err != nil || kept != -1 {
		t.Errorf("the watermarks live for %v, error %v, want for ever", kept, err)
	}
}

func TestWhetherTheLedgerHasMarks(t *testing.T) {
	for name, mark := range map[string]lead.Mark{"delivered": lead.MarkDelivered, "handed on": 3} {
		rdb := redistest.New(t)
		w := ledger.NewWatermarks(rdb, "")
		for _, key := range []string{"leadhook:{1}:probe", "leadhook:owner", "other:{0}:delivered:1:2"} {
			rdb.Set(t.Context(), key, "x", 0)
		}
		if err := w.Store(t.Context(), "leads", map[int]string{0: "a"}); err != nil {
			t.Fatal(err)
		}
		if some, err := w.AnyMarks(t.Context()); err != nil || some {
			t.Errorf("before: got %v, error %v, want none", some, err)
		}
		l := running(t, rdb, ledger.Options{})
		l.Note("1", delivery("1", "a"), mark)
		flushed(t, l)
		if some, err := w.AnyMarks(t.Context()); err != nil || !some {
			t.Errorf("%s: got %v, error %v, want some", name, some, err)
		}
	}
}
