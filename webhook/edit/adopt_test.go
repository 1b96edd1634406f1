package edit_test

import (
	"testing"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/entry"
)

// The old layout stays in Redis, with what was removed since.
func TestAdoptingAgainBringsNothingBack(t *testing.T) {
	r := newRig(t)
	adopt := func() int {
		t.Helper()
		kept, gone := hook("A", "kept"), hook("A", "gone")
		added, err := r.editor.Adopt(r.within(), map[string]string{"kept": "A", "gone": "A"},
			map[string]*entry.List{"A": {Webhooks: []*lead.Webhook{&kept, &gone}}})
		if err != nil {
			t.Fatal(err)
		}
		return added
	}
	if added := adopt(); added != 2 {
		t.Errorf("adopting added %d, want 2", added)
	}
	if err := r.editor.Remove(r.within(), "gone"); err != nil {
		t.Fatal(err)
	}
	if added := adopt(); added != 0 || r.ids("A") != " kept" {
		t.Errorf("adopting again added %d: A has%s, want kept", added, r.ids("A"))
	}
}
