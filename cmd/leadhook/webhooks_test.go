package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/cmd/leadhook/webhooks"
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/follow"
)

// newWebhookRig is a rig whose Redis is its own, as these commands see all of
// it.
func newWebhookRig(t *testing.T) *rig {
	t.Helper()
	return newRig(t, setup{partitions: 1, redis: startRedis(t).url})
}

// webhooks are the rig's, as the service and the commands have them.
func (r *rig) webhooks() *follow.Log {
	r.t.Helper()
	loaded, err := config.Load("", r.environ)
	if err != nil {
		r.t.Fatal(err)
	}
	k, err := service.ConnectKafka(loaded.Config.Kafka)
	if err != nil {
		r.t.Fatal(err)
	}
	log := service.Webhooks(&loaded.Config, k, r.redisClient())
	r.t.Cleanup(func() { _ = log.Topic.Close(); k.Close() })
	return log
}

// find is a webhook as it is stored.
func (r *rig) find(id string) *lead.Webhook {
	r.t.Helper()
	h, err := webhook.Catalog{Log: r.webhooks()}.Find(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

// ids are those of the JSON lines that a list is.
func (r *rig) ids(args ...string) []string {
	r.t.Helper()
	var ids []string
	for line := range strings.Lines(r.must("", append(args, "--output", "json")...)) {
		var view webhooks.View
		if err := json.Unmarshal([]byte(line), &view); err != nil {
			r.t.Fatalf("%v: %s", err, line)
		}
		ids = append(ids, view.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestWebhooksAreListedPageByPage(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	if got := r.leadhook("", "webhooks", "list"); got.code != exitFailed || !strings.Contains(got.errs, "leadhook seed") {
		t.Errorf("before a seed: got exit code %d, want 1 and what to do:\n%s", got.code, got.errs)
	}
	var hooks []hook
	for n := range 25 {
		hooks = append(hooks, r.hook(fmt.Sprint("w", n), r.name(fmt.Sprint("USA_", n%3))))
	}
	r.seed(hooks...)
	var all []string
	for after := ""; ; {
		got := r.leadhook("", "webhooks", "list", "--limit", "10", "--after", after)
		lines := strings.Split(strings.TrimSpace(got.out), "\n")
		if got.code != exitDone || !containsAll(lines[0], "ID", "ADVERTISER", "STATE", "URL") {
			t.Fatalf("got exit code %d:\n%s%s", got.code, got.out, got.errs)
		}
		for _, line := range lines[1:] {
			after = strings.Fields(line)[0]
			all = append(all, after)
		}
		if len(lines) < 11 {
			break
		}
		if want := "there are more: continue with --after " + after + "\n"; got.errs != want {
			t.Errorf("got %q on standard error, want %q", got.errs, want)
		}
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != 25 {
		t.Errorf("got %d webhooks in all pages, want 25: %v", len(all), all)
	}
	if got := r.ids("webhooks", "list", "--limit", "0"); !slices.Equal(got, all) {
		t.Errorf("without a limit: got %v", got)
	}
	one := r.ids("webhooks", "list", "--advertiser", r.name("USA_1"), "--limit", "5")
	rest := r.ids("webhooks", "list", "--advertiser", r.name("USA_1"), "--after", one[4])
	if len(one) != 5 || len(rest) != 3 || one[4] >= rest[0] {
		t.Errorf("an advertiser's pages: got %v and %v", one, rest)
	}
}

func TestWebhooksAreFoundByWhatTheyAre(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	plain, adf, off, gone, bad := r.hook("plain", "A_1"), r.hook("adf", "A_1"), r.hook("off", "A_2"), r.hook("gone", "A_2"), r.hook("bad", "A_3")
	adf.Format, off.Active = "adf", false
	off.URL = "https://CRM.example.com/leads"
	r.seed(plain, adf, off, gone, bad)
	r.disable(gone)
	now := time.Now()
	failing, last := lead.Failing{Since: now, Attempts: 5}, lead.Failure{At: now, Cause: lead.CauseServerError, Status: 503, Error: "the CRM answered 503", Answer: "busy"}
	if err := r.webhooks().Shares.NoteFailing(t.Context(), bad.Advertiser, bad.ID, r.find(bad.ID).Version, failing, last); err != nil {
		t.Fatal(err)
	}
	failing.Attempts = 1 // one lead that a CRM refuses is none
	if err := r.webhooks().Shares.NoteFailing(t.Context(), plain.Advertiser, plain.ID, r.find(plain.ID).Version, failing, last); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string][]string{
		"":                                {adf.ID, bad.ID, gone.ID, off.ID, plain.ID},
		"--active":                        {adf.ID, bad.ID, plain.ID},
		"--no-active":                     {gone.ID, off.ID},
		"--disabled":                      {gone.ID},
		"--failing":                       {bad.ID},
		"--format adf":                    {adf.ID},
		"--host crm.example.com":          {off.ID},
		"--advertiser A_2":                {gone.ID, off.ID},
		"--advertiser A_1 --host nowhere": nil,
	} {
		if got := r.ids(append([]string{"webhooks", "list"}, strings.Fields(args)...)...); !slices.Equal(got, want) {
			t.Errorf("webhooks list %s: got %v, want %v", args, got, want)
		}
	}
	if shown := r.must("", "webhooks", "list", "--failing", "--output", "wide"); !containsAll(shown, "SINCE", "  5  ", "  503  ", "the CRM answered 503") {
		t.Errorf("got\n%s\nwant how it fails", shown)
	}
	shown := r.must("", "webhooks", "show", gone.ID)
	if !containsAll(shown, "disabled by the service at ", "its CRM answered 410 (Gone)", "leadhook webhooks enable") {
		t.Errorf("got\n%s\nwant why and since when nothing is sent, and what ends it", shown)
	}
	if shown = r.must("", "webhooks", "show", bad.ID); !containsAll(shown, "failing:", ", 5 attempts", "last failure:", ": the CRM answered 503", "last answer:", "busy") {
		t.Errorf("got\n%s\nwant since when it fails, and how", shown)
	}
}

func TestSecretsOfWebhooksAreShownOnlyWhenAskedFor(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	h := r.hook("secret", "A_1")
	h.URL += "/hush0?token=hush1"
	h.Auth, h.Headers, h.Secrets = "Bearer hush2", map[string]string{"X-Token": "hush3", "Accept": "text/html"}, []string{"whsec_aHVzaDQtMDEyMzQ1Njc4OWFiY2RlZmdo"}
	r.seed(h)
	for _, output := range []string{"table", "json", "yaml"} {
		for _, command := range []string{"list", "show " + h.ID} {
			args := append(append([]string{"webhooks"}, strings.Fields(command)...), "--output", output)
			if got := r.leadhook("", args...); got.code != exitDone || strings.Contains(got.out+got.errs, "hush") || strings.Contains(got.out, "whsec_") {
				t.Errorf("%q: exit code %d, or a secret shows:\n%s%s", args, got.code, got.out, got.errs)
			}
		}
		got := r.must("", "webhooks", "show", h.ID, "--show-secrets", "--output", output)
		if !containsAll(got, "hush0", "hush1", "hush2", "hush3", "whsec_aHVzaDQtMDEyMzQ1Njc4OWFiY2RlZmdo", "text/html") {
			t.Errorf("--show-secrets --output %s: got\n%s", output, got)
		}
	}
}

func TestAWebhookThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	h := r.hook("there", "A_1")
	r.seed(h)
	got := r.leadhook("", "webhooks", "show", "nowhere", h.ID)
	if got.code != exitFailed || !strings.Contains(got.errs, `"nowhere"`) || !strings.Contains(got.out, h.URL) {
		t.Errorf("got exit code %d, want 1, its name, and the other one:\n%s%s", got.code, got.out, got.errs)
	}
}

// redisClient is a client of the rig's Redis.
func (r *rig) redisClient() redis.UniversalClient {
	r.t.Helper()
	loaded, err := config.Load("", r.environ)
	if err != nil {
		r.t.Fatal(err)
	}
	rdb, err := service.ConnectRedis(loaded.Config.Redis)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}
