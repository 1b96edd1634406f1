package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/seedfile"
)

// document reads one of docs/.
func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestAdvertisersKnowsEveryLabel compares the form in docs/advertisers.md with
// the labels in docs/webhooks.md.
func TestAdvertisersKnowsEveryLabel(t *testing.T) {
	t.Parallel()
	advertisers := document(t, "advertisers.md")
	_, fields, _ := strings.Cut(document(t, "webhooks.md"), "## The fields")
	fields, _, _ = strings.Cut(fields, "\n## ")
	labels := regexp.MustCompile("(?m)^\\| `[a-z_]+` \\| ([^|]+[^| ]) +\\|").FindAllStringSubmatch(fields, -1)
	known := map[string]bool{}
	for _, label := range labels {
		known[label[1]] = true
		if !strings.Contains(advertisers, "\n| "+label[1]+" | ") {
			t.Errorf("docs/advertisers.md has no label %q", label[1])
		}
	}
	for _, label := range []string{ // as the form has them
		"Payload URL*", "Authentication Header", "Which events should trigger a webhook?",
		"Which lead types should trigger a webhook?", "Payload Format", "Active",
	} {
		if !known[label] {
			t.Errorf("docs/webhooks.md has no label %q", label)
		}
	}
}

// TestAdvertisersShowsTwoWebhooks reads the seed of docs/advertisers.md: every
// lead must be for one of the two.
func TestAdvertisersShowsTwoWebhooks(t *testing.T) {
	t.Parallel()
	_, seed, _ := strings.Cut(document(t, "advertisers.md"), "```yaml\n")
	seed, _, _ = strings.Cut(seed, "```")
	hooks, err := seedfile.Parse(t.Context(), "docs/advertisers.md", []byte(seed), seedfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, trigger := range []lead.Trigger{lead.NewContact, lead.ExistingContact} {
		for _, kind := range []lead.Kind{lead.KindCall, lead.KindChat, lead.KindForm, lead.KindEmail} {
			wanted := 0
			for _, hook := range hooks {
				if w := hook.Webhook(); w.Active && w.Trigger == trigger && w.LeadTypes.Has(kind) {
					wanted++
				}
			}
			if wanted != 1 {
				t.Errorf("%d of its webhooks want a %s of a %s, want 1", wanted, kind, trigger)
			}
		}
	}
}

// TestEveryReasonIsExplained compares the table in docs/dead-letters.md with the
// reasons that there are.
func TestEveryReasonIsExplained(t *testing.T) {
	t.Parallel()
	_, table, _ := strings.Cut(document(t, "dead-letters.md"), "## Reasons")
	table, _, _ = strings.Cut(table, "\n## ")
	var explained []lead.Reason
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_0-9]+)` \\| [^|]+ \\| [^|]+ \\|$").FindAllStringSubmatch(table, -1) {
		explained = append(explained, lead.Reason(row[1]))
	}
	slices.Sort(explained)
	if diff := cmp.Diff(slices.Sorted(slices.Values(lead.Reasons())), explained); diff != "" {
		t.Errorf("docs/dead-letters.md explains other reasons than there are: code (-), docs (+):\n%s", diff)
	}
}

// TestEveryMetricIsDocumented compares the metrics in docs/ with those in the
// code.
func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	code, docs := map[string]bool{}, map[string]bool{}
	note := func(file string, pattern string, into map[string]bool) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(readText(t, file), -1) {
			into[m[1]] = true
		}
	}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err == nil && filepath.Ext(path) == ".md" && filepath.Base(path) != "CHANGELOG.md":
			note(path, `\b(leadhook_[a-z_]+)`, docs)
		case err == nil && filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go"):
			note(path, `"(leadhook_[a-z_]+)"`, code)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(code)), slices.Sorted(maps.Keys(docs))); diff != "" {
		t.Errorf("docs/ has other metrics than there are: code (-), docs (+):\n%s", diff)
	}
}

// TestPeopleAreToldTheDefaults compares figures in the docs for advertisers and
// receivers with the settings.
func TestPeopleAreToldTheDefaults(t *testing.T) {
	t.Parallel()
	loaded, err := config.Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := loaded.Config
	receivers, advertisers, operators := document(t, "receivers.md"), document(t, "advertisers.md"), document(t, "operating.md")
	for told, text := range map[string]string{
		fmt.Sprintf("An attempt has %d seconds", cfg.HTTP.Timeout/time.Second):             receivers,
		fmt.Sprintf("nothing within %d s", cfg.HTTP.Timeout/time.Second):                   receivers,
		fmt.Sprintf("connecting has %d of them", cfg.HTTP.ConnectTimeout/time.Second):      receivers,
		fmt.Sprintf("at most %d MiB", cfg.Kafka.MaxEventBytes>>20):                         receivers,
		fmt.Sprintf("kept for %d days", cfg.Topics.DeadLetterRetention/(24*time.Hour)):     advertisers,
		fmt.Sprintf("keeps it for %d days", cfg.Topics.DeadLetterRetention/(24*time.Hour)): receivers,
		"`" + cfg.ADF.Provider + "`, or what":                                              receivers,
		fmt.Sprintf("is what one instance may use; %d MiB", cfg.Memory>>20):                operators,
		"`http.max_in_flight` | " + thousands(cfg.HTTP.MaxInFlight) + " |":                 operators,
		"`consumer.open_events` | " + thousands(cfg.Consumer.OpenEvents) + " |":            operators,
		fmt.Sprintf("`consumer.open_bytes` | %d MiB |", cfg.Consumer.OpenBytes>>20):        operators,
		fmt.Sprintf("of Go's runtime | %d MiB |", cfg.HeapLimit()>>20):                     operators,
		thousands(filesFor(cfg.HTTP.MaxInFlight)) + " at 512 MiB":                          operators,
	} {
		if !strings.Contains(text, told) {
			t.Errorf("the docs do not say %q", told)
		}
	}
	if cfg.Retry.Expire != 72*time.Hour {
		t.Errorf("leads are tried for %v; the docs say three days", cfg.Retry.Expire)
	}
}

// thousands writes a number from a thousand to a million with a comma.
func thousands(n int) string { return fmt.Sprintf("%d,%03d", n/1000, n%1000) }
