package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/topic"
)

func TestAnExportSeedsTheSameWebhooks(t *testing.T) {
	t.Parallel()
	from := newWebhookRig(t)
	to := newWebhookRig(t)
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
	r := newWebhookRig(t)
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
	r := newWebhookRig(t)
	on, off := r.hook("on", "A_1"), r.hook("off", "A_2")
	off.Active = false
	r.seed(on, off)
	want := "unchanged " + on.ID + " (A_1)\nenabled   " + off.ID + " (A_2)\n"
	got := r.leadhook("", "webhooks", "enable", on.ID, "nowhere", off.ID)
	if got.code != exitFailed || got.out != want || !strings.Contains(got.errs, `"nowhere"`) {
		t.Errorf("enable: got exit code %d and\n%s%swant 1 and\n%s", got.code, got.out, got.errs, want)
	}
	if got := r.must("", "webhooks", "disable", on.ID, "--yes", "--output", "json"); got != `{"what":"disabled","webhook":"`+on.ID+`","advertiser":"A_1"}`+"\n" {
		t.Errorf("disable: got %s", got)
	}
	if r.find(on.ID).Active || !r.find(off.ID).Active {
		t.Error("the webhooks are not as they were made")
	}
	on.Active, off.Active = false, true
	if got := r.seed(on, off); got != "0 added, 0 changed, 2 unchanged\n" {
		t.Errorf("a seed of the same: got %q", got)
	}
}

func TestDisableSaysWhatBecomesOfLeadsAndAsks(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	a, b, off := r.hook("a", "A_1"), r.hook("b", "A_2"), r.hook("off", "A_3")
	off.Active = false
	r.seed(a, b, off)
	for args, want := range map[string]string{
		a.ID:                             `Disable webhook "` + a.ID + `" of A_1? Leads from now on are not sent to it and not kept.`,
		a.ID + " " + b.ID:                "Disable 2 webhooks? Leads from now on are not sent to them and not kept.",
		"nowhere " + off.ID + " " + b.ID: `Disable webhook "` + b.ID + `" of A_2?`,
	} {
		got := r.leadhook("", append([]string{"webhooks", "disable"}, strings.Fields(args)...)...)
		if got.code != exitUsage || got.out != "" || !containsAll(got.errs, want, "--yes") {
			t.Errorf("disable %s: got exit code %d and\n%s%swant 2 and %q", args, got.code, got.out, got.errs, want)
		}
	}
	if ids := r.ids("webhooks", "list", "--active"); len(ids) != 2 {
		t.Errorf("got %v, want both still active", ids)
	}
	if got := r.must("", "webhooks", "disable", off.ID); got != "unchanged "+off.ID+" (A_3)\n" {
		t.Errorf("what is inactive already: got %q, want no question", got)
	}
	const told = "leads are not sent to it and not kept"
	if got := r.must("", "webhooks", "show", off.ID); !strings.Contains(got, told) {
		t.Errorf("show does not tell what it means:\n%s", got)
	}
	if got := r.leadhook("", "webhooks", "list"); got.errs != "inactive: "+told+"\n" {
		t.Errorf("list tells %q, want what inactive means", got.errs)
	}
}

func TestTheHistorySaysWhoChangedWhat(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	a, b := r.hook("a", "A_1"), r.hook("b", "A_1")
	a.Auth = "token hush1"
	r.seed(a, b)
	a.Auth, a.Rate = "token hush2", 2
	file, _ := json.Marshal(map[string][]hook{"webhooks": {a}})
	r.must(string(file), "seed", "-", "--actor", "ada")
	r.disable(b)
	r.must("", "webhooks", "enable", b.ID, "--actor", "bob")
	r.must("", "webhooks", "remove", b.ID, "--yes", "--actor", "carl")

	got := regexp.MustCompile(`(?m)^\S+Z by `).ReplaceAllString(r.must("", "webhooks", "history", "A_1"), "TIME by ")
	host, _ := os.Hostname()
	want := "TIME by carl with leadhook webhooks remove\n  removed   " + b.ID + " (A_1)\n" +
		"TIME by bob with leadhook webhooks enable\n  enabled   " + b.ID + " (A_1)\n" +
		"TIME by leadhook with leadhook run\n  disabled  " + b.ID + " (A_1)\n" +
		"TIME by ada with leadhook seed\n  changed   " + a.ID + " (A_1)\n              authorization: changed\n              rate: - -> 2\n"
	if !strings.HasPrefix(got, want) || !strings.Contains(got[len(want):], "@"+host+" with leadhook seed\n  added     "+a.ID+" (A_1)\n  added     "+b.ID) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if one := r.must("", "webhooks", "history", b.ID); strings.Contains(one, a.ID) || strings.Count(one, b.ID) != 4 {
		t.Errorf("of one webhook that was removed: got\n%s", one)
	}
	inJSON := r.must("", "webhooks", "history", a.ID, "--output", "json")
	if !containsAll(inJSON, `"by":"ada","with":"leadhook seed","advertiser":"A_1"`, `"fields":[{"field":"authorization","before":"***","after":"***"}`) || strings.Count(inJSON, "\n") != 2 {
		t.Errorf("as JSON: got\n%s", inJSON)
	}
	if strings.Contains(got+inJSON, "hush") {
		t.Errorf("a secret shows:\n%s%s", got, inJSON)
	}
	if missing := r.leadhook("", "webhooks", "history", "nowhere"); missing.code != exitFailed || !strings.Contains(missing.errs, `"nowhere"`) {
		t.Errorf("an unknown name: got %+v", missing)
	}
	if wrong := r.leadhook("", "webhooks", "enable", a.ID, "--actor", "a\nb"); wrong.code != exitUsage || !strings.Contains(wrong.errs, "--actor") {
		t.Errorf("a name of two lines: got %+v", wrong)
	}
}

// TestWhatCannotBeReadIsNamedAndTheRestShown has an advertiser's list, and an id's entry,
// that do not open.
func TestWhatCannotBeReadIsNamedAndTheRestShown(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	sound, lost, lost2, nobodys := r.hook("sound", "A_1"), r.hook("lost", "A_2"), r.hook("lost2", "A_2"), r.hook("nobodys", "A_3")
	r.seed(sound, lost, lost2, nobodys)
	r.spoil("A_2")
	r.spoil(entry.IDKey(nobodys.ID))
	list := r.must("", "webhooks", "list")
	for _, h := range []hook{lost, lost2, nobodys} {
		if !regexp.MustCompile(h.ID + ` +\S+ +damaged`).MatchString(list) {
			t.Errorf("list does not show %s as damaged:\n%s", h.ID, list)
		}
	}
	if !regexp.MustCompile(sound.ID + ` +A_1 +active`).MatchString(list) {
		t.Errorf("list does not show what is sound:\n%s", list)
	}
	if got := r.must("", "webhooks", "list", "--advertiser", "A_2"); !regexp.MustCompile(`- +A_2 +damaged`).MatchString(got) {
		t.Errorf("of the advertiser: got\n%s", got)
	}
	if got := r.must("", "webhooks", "show", lost.ID); !containsAll(got, "A_2", "the stored webhooks of its advertiser cannot be read") {
		t.Errorf("show: got\n%s", got)
	}
	got := r.leadhook("", "webhooks", "export")
	if got.code != exitFailed || !strings.Contains(got.out, sound.ID) || strings.Count(got.errs, "not exported") != 3 {
		t.Errorf("export: got exit code %d and\n%s%swant 1, the one that is sound and three that are not", got.code, got.out, got.errs)
	}
	if got := r.must(event("A_2", "new_contact", "call", 1), "explain", "-"); !strings.Contains(got, "the lead would become a dead letter") {
		t.Errorf("explain: got\n%s", got)
	}
	for _, args := range [][]string{{"seed", "--prune", "--yes", "-"}, {"webhooks", "history", "A_2"}, {"webhooks", "remove", lost.ID, "--yes"}} {
		if got := r.leadhook("webhooks: []", args...); got.code != exitFailed || !strings.Contains(got.errs, "cannot be read") {
			t.Errorf("%v: got exit code %d and\n%s%s", args, got.code, got.out, got.errs)
		}
	}
}

// TestWhatCannotBeReadIsReplacedWhenAsked says what goes, asks, and tells it in the history.
func TestWhatCannotBeReadIsReplacedWhenAsked(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	lost, nobodys := r.hook("lost", "A_1"), r.hook("nobodys", "A_2")
	r.seed(lost, nobodys)
	r.spoil("A_1")
	r.spoil(entry.IDKey(nobodys.ID))
	file, _ := json.Marshal(map[string][]hook{"webhooks": {lost, nobodys}})
	seeds := func(args ...string) result {
		return r.leadhook(string(file), append([]string{"seed", "-"}, args...)...)
	}
	if got := seeds(); got.code != exitFailed || strings.Count(got.errs, "--replace-damaged") != 1 {
		t.Errorf("got exit code %d and\n%s%swant 1 and what to do", got.code, got.out, got.errs)
	}
	const question = "Replace all that is stored of 1 advertiser and cannot be read, and give 1 id with an unreadable owner to the advertisers in the files?"
	if got := seeds("--replace-damaged"); got.code != exitUsage || got.out != "" || !containsAll(got.errs, question, "--yes") {
		t.Errorf("without an answer: got exit code %d and\n%s%swant 2 and the question", got.code, got.out, got.errs)
	}
	want := "added     " + lost.ID + " (A_1)\ndiscarded what could not be read (A_1)\n" +
		"1 added, 0 changed, 1 unchanged; of 1 advertiser all was replaced that could not be read\n"
	if got := seeds("--replace-damaged", "--yes", "--actor", "ada"); got.code != exitDone || got.out != want {
		t.Errorf("got exit code %d and\n%s%swant\n%s", got.code, got.out, got.errs, want)
	}
	if got := r.must("", "webhooks", "history", lost.ID); !containsAll(got, "by ada with leadhook seed\n  discarded what could not be read (A_1)\n  added     "+lost.ID) {
		t.Errorf("history: got\n%s", got)
	}
	r.must("", "secrets", "check")
	if got := seeds(); got.code != exitDone || got.out != "0 added, 0 changed, 2 unchanged\n" {
		t.Errorf("afterwards: got exit code %d and\n%s%s", got.code, got.out, got.errs)
	}
}

// spoil stores something under a key of the topic that counts and does not open.
func (r *rig) spoil(key string) {
	r.t.Helper()
	log, ctx := r.webhooks(), r.t.Context()
	epoch, err := log.Epoch(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	e := entry.Entry{Stamp: entry.Stamp{Epoch: epoch, Number: 100, Change: entry.NewID()}, Box: []byte("hush")}
	if err := log.Topic.Append(ctx, []topic.Record{{Key: key, Value: e.Value()}}); err != nil {
		r.t.Fatal(err)
	}
}

func TestWebhooksAreRemovedAllOrNone(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	a, b, c := r.hook("a", "A_1"), r.hook("b", "A_2"), r.hook("c", "A_3")
	r.seed(a, b, c)
	for _, tc := range []struct {
		args string
		code int
		want string
	}{
		{a.ID + " nowhere --yes", exitFailed, "nothing removed: webhook \"nowhere\""},
		{a.ID + " " + b.ID, exitUsage, "Remove 2 webhooks? Leads from now on are not sent to them and not kept."},
		{a.ID, exitUsage, "Remove webhook \"" + a.ID + "\" of A_1? Leads from now on are not sent to it and not kept."},
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
