package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/cmd/leadhook/webhooks"
	"github.com/leadhook/leadhook/lead"
)

// ruled are rules for a CRM that says in the body what came of a lead.
func ruled() *lead.Answers {
	return &lead.Answers{
		Delivered: []string{"2xx", "302"},
		Body: []lead.AnswerRule{
			{Path: "success", Equals: new("false"), Then: "refused", Reason: "error"},
			{Path: "success", Equals: new("true"), Then: "delivered", ID: "id"},
			{Empty: new(true), Then: "retry"},
		},
		Otherwise: "refused",
	}
}

// TestAnswersAreShownAsTheyAreSeeded takes what `webhooks show` shows for a new webhook.
func TestAnswersAreShownAsTheyAreSeeded(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	h := r.hook("crm", r.name("USA_1"))
	h.Answers = ruled()
	r.seed(h)
	shown := r.must("", "webhooks", "show", h.ID)
	_, answers, found := strings.Cut(shown, "\nanswers:\n")
	if !found || !strings.Contains(answers, `    - {path: success, equals: "false", then: refused, reason: error}`) {
		t.Fatalf("got\n%s", shown)
	}
	other := r.name("copy")
	var file strings.Builder
	file.WriteString("webhooks:\n- id: " + other + "\n  advertiser: " + h.Advertiser + "\n  url: " + h.URL + "x\n  event: new_contact\n  answers:\n")
	for line := range strings.Lines(answers) {
		file.WriteString("  " + line)
	}
	r.must(file.String(), "seed", "-")
	var views [2]webhooks.View
	for i, id := range []string{h.ID, other} {
		if err := json.Unmarshal([]byte(r.must("", "webhooks", "show", id, "-o", "json")), &views[i]); err != nil {
			t.Fatal(err)
		}
	}
	was, _ := json.Marshal(views[0].Answers)
	copied, _ := json.Marshal(views[1].Answers)
	if want, _ := json.Marshal(ruled()); string(was) != string(want) || string(copied) != string(want) {
		t.Errorf("got %s, and copied %s, want %s", was, copied, want)
	}
	if got := r.must(event(h.Advertiser, "new_contact", "call", 1), "explain", "-", "-o", "json"); !strings.Contains(got, `"answers":{"delivered":["2xx","302"]`) {
		t.Errorf("explain: got %s", got)
	}
	h.Answers.Otherwise = ""
	changed, _ := json.Marshal(map[string][]hook{"webhooks": {h}})
	if got := r.must(string(changed), "seed", "-", "--dry-run"); !strings.Contains(got, `"otherwise":"refused"} -> {"delivered"`) {
		t.Errorf("a dry run: got\n%s", got)
	}
}
