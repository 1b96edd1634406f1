package edit_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
)

func TestSuggestions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var hooks []lead.Webhook
	for n := range 3000 {
		hooks = append(hooks, hook(fmt.Sprintf("USA_%d", n%70), fmt.Sprintf("many-%04d", n)))
	}
	for n, id := range []string{"a*b", "axb", `a\[b`, "gone"} {
		h := hook(fmt.Sprintf("CAN_%d", n+1), "h")
		h.ID = id
		hooks = append(hooks, h)
	}
	r.seed(hooks...)
	if err := r.editor.Remove(r.within(), "gone"); err != nil {
		t.Fatal(err)
	}
	r.ids("CAN_1") // fills Redis
	catalog := webhook.Catalog{Log: r.log}
	suggested := func(prefix string) (text string) {
		for _, h := range catalog.SuggestWebhooks(r.within(), prefix, 100) {
			text += h.ID + " of " + h.Advertiser + ";"
		}
		return text
	}
	for prefix, want := range map[string]string{
		"a*": "a*b of CAN_1;", `a\[`: `a\[b of CAN_3;`, "a": `a*b of CAN_1;a\[b of CAN_3;axb of CAN_2;`,
		"many-0042": "many-0042 of USA_42;", "no-such": "", "go": "",
	} {
		if got := suggested(prefix); got != want {
			t.Errorf("webhooks %q: got %s, want %s", prefix, got, want)
		}
	}
	if got := catalog.SuggestWebhooks(r.within(), "many-", 100); len(got) != 100 {
		t.Errorf("got %d suggestions, want the 100 that were asked for", len(got))
	}
	for prefix, want := range map[string]string{"CAN": "[CAN_1 CAN_2 CAN_3 CAN_4]", "USA_42": "[USA_42]", "X": "[]", "id:": "[]"} {
		if got := fmt.Sprint(catalog.SuggestAdvertisers(r.within(), prefix, 100)); got != want {
			t.Errorf("advertisers %q: got %s, want %s", prefix, got, want)
		}
	}
	over, cancel := context.WithCancel(r.within())
	cancel()
	if got := catalog.SuggestWebhooks(over, "", 100); len(got) != 0 {
		t.Errorf("too late: got %v", got)
	}
}
