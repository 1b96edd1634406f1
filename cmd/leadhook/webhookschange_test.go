package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/lead"
)

func TestAnExportSeedsTheSameWebhooks(t *testing.T) {
	t.Parallel()
	from, _ := newWebhookRig(t)
	to, _ := newWebhookRig(t)
	plain, full := from.hook("plain", "A_1"), from.hook("full", "A_2")
	plain.URL, full.URL = "https://crm.example.com/", "https://crm.example.com/?key=a&b=c"
	full.Auth, full.Headers, full.Secrets = "Bearer $${HOME} 'x' \"y\" # z", map[string]string{"X-A": "- b: c"}, []string{"whsec_aHVzaDQtMDEyMzQ1Njc4OWFiY2RlZmdo"}
	full.AuthHeader, full.Active, full.Format, full.LeadTypes = "X-API-Key", false, "adf", []string{"forms"}
	if got := from.leadhook("", "webhooks", "export"); got.code != exitFailed || got.out != "" || !strings.Contains(got.errs, "leadhook seed") {
		t.Errorf("from an empty Redis: got exit code %d and\n%s%s", got.code, got.out, got.errs)
	}
	from.must("webhooks: []", "seed", "-")
	if got := from.must("", "webhooks", "export"); got != "webhooks: []\n" {
		t.Errorf("without webhooks: got %q", got)
	}
	from.seed(plain, full)
	file := from.must("", "webhooks", "export")
	to.must(file, "seed", "-")
	everything := []string{"webhooks", "list", "--show-secrets", "--output", "json"}
	if want, got := from.must("", everything...), to.must("", everything...); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := from.must(file, "seed", "-"); got != "0 added, 0 changed, 2 unchanged\n" {
		t.Errorf("where it came from: got %q", got)
	}
	if one := from.must("", "webhooks", "export", "--advertiser", "A_2"); strings.Contains(one, plain.ID) || !strings.Contains(one, full.ID) {
		t.Errorf("of one advertiser: got\n%s", one)
	}
}

func TestAnExportIsNotShownByMistake(t *testing.T) {
	t.Parallel()
	r, _ := newWebhookRig(t)
	h := r.hook("a", "A_1")
	h.Auth = "hush"
	r.seed(h)
	onScreen := func(args ...string) (int, string) {
		w, _, screen := atTerminal(t, r.environ...)
		w.args, w.stdout = append([]string{"webhooks", "export"}, args...), w.stdin.(*os.File)
		code := w.main(t.Context())
		until(t, poll, "something shows", func() bool { return screen.String() != "" })
		return code, screen.String()
	}
	if code, shown := onScreen(); code != exitUsage || strings.Contains(shown, "hush") || !strings.Contains(shown, "--show-secrets") {
		t.Errorf("got exit code %d, want 2 and no secret:\n%s", code, shown)
	}
	code, shown := onScreen("--show-secrets")
	if code != exitDone || !strings.Contains(shown, "webhooks:") {
		t.Errorf("--show-secrets: got exit code %d:\n%s", code, shown)
	}
}

func TestWebhooksAreEnabledAndDisabled(t *testing.T) {
	t.Parallel()
	r, store := newWebhookRig(t)
	on, off := r.hook("on", "A_1"), r.hook("off", "A_2")
	off.Active = false
	r.seed(on, off)
	want := "unchanged " + on.ID + " (A_1)\nenabled   " + off.ID + " (A_2)\n"
	got := r.leadhook("", "webhooks", "enable", on.ID, "nowhere", off.ID)
	if got.code != exitFailed || got.out != want || !strings.Contains(got.errs, `"nowhere"`) {
		t.Errorf("enable: got exit code %d and\n%s%swant 1 and\n%s", got.code, got.out, got.errs, want)
	}
	if got := r.must("", "webhooks", "disable", on.ID, "--output", "json"); got != `{"what":"disabled","webhook":"`+on.ID+`","advertiser":"A_1"}`+"\n" {
		t.Errorf("disable: got %s", got)
	}
	if find(t, store, on.ID).Active || !find(t, store, off.ID).Active {
		t.Error("the webhooks are not as they were made")
	}
	on.Active, off.Active = false, true
	if got := r.seed(on, off); got != "0 added, 0 changed, 2 unchanged\n" {
		t.Errorf("a seed of the same: got %q", got)
	}
}

func TestWebhooksAreRemovedAllOrNone(t *testing.T) {
	t.Parallel()
	r, _ := newWebhookRig(t)
	a, b, c := r.hook("a", "A_1"), r.hook("b", "A_2"), r.hook("c", "A_3")
	r.seed(a, b, c)
	for _, tc := range []struct {
		args string
		code int
		want string
	}{
		{a.ID + " nowhere --yes", exitFailed, "nothing removed: webhook \"nowhere\""},
		{a.ID + " " + b.ID, exitUsage, "Remove 2 webhooks?"},
		{a.ID, exitUsage, "Remove webhook \"" + a.ID + "\" of A_1?"},
	} {
		got := r.leadhook("", append([]string{"webhooks", "remove"}, strings.Fields(tc.args)...)...)
		if got.code != tc.code || got.out != "" || !strings.Contains(got.errs, tc.want) {
			t.Errorf("remove %s: got exit code %d and\n%s%swant %d and %q", tc.args, got.code, got.out, got.errs, tc.code, tc.want)
		}
	}
	if ids := r.ids("webhooks", "list"); len(ids) != 3 {
		t.Errorf("got %v, want all three still there", ids)
	}
	if got, want := r.must("", "webhooks", "remove", a.ID, "nowhere", b.ID, "--yes", "--ignore-missing"), "removed   "+a.ID+" (A_1)\nremoved   "+b.ID+" (A_2)\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if ids := r.ids("webhooks", "list"); !slices.Equal(ids, []string{c.ID}) {
		t.Errorf("got %v, want %s alone", ids, c.ID)
	}
}

// TestAServiceFollowsWhatIsDoneByHand has a webhook that the service sets
// inactive, somebody enables, and somebody removes while a lead is on its way.
func TestAServiceFollowsWhatIsDoneByHand(t *testing.T) {
	t.Parallel()
	crm := &answers{}
	r := newRig(t, setup{answer: crm.answer, partitions: 1, environ: []string{"LEADHOOK_RETRY_SCHEDULE=2s"}})
	advertiser := r.name("USA_1")
	h := r.hook("again", advertiser)
	r.seed(h)
	crm.on(h, answerOf(410))
	r.run()
	r.publish(calls(advertiser, 1, 1)...)
	r.settled()
	state := func() string { return r.must("", "webhooks", "show", h.ID) }
	if got := state(); !containsAll(got, "disabled by the service", "410") {
		t.Errorf("after a 410: got\n%s", got)
	}
	crm.on(h, answerOf(200))
	r.must("", "webhooks", "enable", h.ID)
	if got := state(); strings.Contains(got, "set inactive") {
		t.Errorf("after it was enabled: got\n%s", got)
	}
	r.publish(calls(advertiser, 2, 1)...)
	r.settled()
	if got := r.must("", "dlq", "list", "--output", "json"); strings.Count(got, "\n") != 1 || !strings.Contains(got, string(lead.Gone)) {
		t.Errorf("got dead letters\n%swant that of the 410 alone", got)
	}
	crm.on(h, answerOf(503))
	r.publish(calls(advertiser, 3, 1)...)
	r.until("it was tried and waits", func() bool { return len(r.crm.Posts()) >= 3 })
	r.must("", "webhooks", "remove", h.ID, "--yes")
	r.until("it is a dead letter", func() bool {
		return strings.Contains(r.must("", "dlq", "list", "--output", "json"), string(lead.WebhookRemoved))
	})
}
