package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/cmd/leadhook/webhooks"
)

// writeFiles writes files below a directory of the test's own.
func writeFiles(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// seedText is a seed file with one webhook, whose further lines are given.
func seedText(id string, lines ...string) string {
	return fmt.Sprintf("webhooks:\n  - id: %s\n    advertiser: A_1\n    url: https://crm.example.com/%s\n    event: new_contact\n    %s\n",
		id, id, strings.Join(lines, "\n    "))
}

func TestADirectoryStandsForItsSeedFiles(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	active := "active: true"
	dir := writeFiles(t, map[string]string{
		"b.yaml": seedText("b", active), "a.yml": seedText("a", active), "sub/c.json": seedText("c", active),
		"notes.txt": "no", ".hidden.yaml": "no", ".git/x.yaml": "no", "..data/b.yaml": "no", "linked/l.yaml": seedText("l", active),
	})
	one := writeFiles(t, map[string]string{"one.seed": seedText("one", active), "empty/readme.md": ""})
	if err := os.Symlink(filepath.Join(dir, "linked"), filepath.Join(one, "link")); err != nil {
		t.Fatal(err)
	}
	got := r.must("", "seed", dir, filepath.Join(one, "one.seed"))
	want := "added     a (A_1)\nadded     b (A_1)\nadded     l (A_1)\nadded     c (A_1)\nadded     one (A_1)\n5 added, 0 changed, 0 unchanged\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := r.must("", "seed", filepath.Join(one, "link")); !strings.Contains(got, "1 unchanged") {
		t.Errorf("a link to a directory: got\n%s", got)
	}
	bad := r.leadhook("", "seed", filepath.Join(one, "empty"), "/none/seed.yaml", dir)
	if bad.code != exitFailed || !containsAll(bad.errs, "empty has no *.yaml", "/none/seed.yaml") {
		t.Errorf("got exit code %d, want 1 and both faults:\n%s", bad.code, bad.errs)
	}
}

func TestADryRunShowsTheDifferenceFieldByField(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	r.must(seedText("a", "active: true", "authorization: hush1", "headers: {X-Token: hush2, X-Old: hush3, Accept: text/html}", "vendor_name: Bergström"), "seed", "-")
	r.must(seedText("gone", "active: true"), "seed", "-")
	changed := strings.Replace(seedText("a", "active: false", "authorization: hush4", "headers: {X-Token: hush5, X-New: hush6, Accept: '*/*'}", "rate: 2.5"),
		"/a\n", "/a?key=hush7\n", 1)
	file := changed + strings.TrimPrefix(seedText("new", "active: true"), "webhooks:\n")
	got := r.leadhook(file, "seed", "-", "--dry-run", "--prune")
	want := `changed   a (A_1)
            url: https://crm.example.com/a -> https://crm.example.com/a?***
            authorization: changed
            active: true -> false
            headers.Accept: text/html -> */*
            headers.X-New: - -> ***
            headers.X-Token: changed
            rate: - -> 2.5
            headers.X-Old: *** -> -
            vendor_name: Bergström -> -
added     new (A_1)
removed   gone (A_1)
dry run: 1 added, 1 changed, 0 unchanged, 1 removed; nothing was written
`
	if got.code != exitDone || got.out != want {
		t.Errorf("got exit code %d and\n%s%swant\n%s", got.code, got.out, got.errs, want)
	}
	inJSON := r.leadhook(file, "seed", "-", "--dry-run", "--output", "json")
	var row webhooks.Row
	if err := json.Unmarshal([]byte(strings.Split(inJSON.out, "\n")[0]), &row); err != nil || len(row.Fields) != 9 || row.Fields[2] != (webhooks.Field{Field: "active", Before: "true", After: "false"}) {
		t.Errorf("as JSON: got error %v and\n%s", err, inJSON.out)
	}
	if strings.Contains(got.out+got.errs+inJSON.out+inJSON.errs, "hush") {
		t.Errorf("a secret shows:\n%s%s%s%s", got.out, got.errs, inJSON.out, inJSON.errs)
	}
	if ids := r.ids("webhooks", "list", "--active"); !slices.Equal(ids, []string{"a", "gone"}) {
		t.Errorf("after the dry run: got %v active, want a and gone", ids)
	}
}

func TestPruneAsksOrNeedsYes(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	dir := writeFiles(t, map[string]string{"a.yaml": seedText("a", "active: true"), "b.yaml": seedText("b", "active: true"), "c.yaml": seedText("c", "active: true")})
	r.must("", "seed", dir)
	only := filepath.Join(dir, "a.yaml")
	got := r.leadhook("", "seed", "--prune", only)
	if got.code != exitUsage || got.out != "" || !containsAll(got.errs, "Remove 2 webhooks that the files do not have? Leads from now on are not sent there and not kept.", "--yes") {
		t.Errorf("without a terminal: got exit code %d, want 2 and how many would go:\n%s%s", got.code, got.out, got.errs)
	}
	if ids := r.ids("webhooks", "list"); len(ids) != 3 {
		t.Errorf("got %v, want all three still there", ids)
	}
	atScreen := func(answer string) (code int, shown string) {
		w, person, screen := atTerminal(t, r.environ...)
		w.args = []string{"seed", "--prune", only}
		_, _ = person.WriteString(answer)
		code = w.main(t.Context())
		until(t, poll, "the question shows", func() bool {
			return strings.Contains(screen.String(), "not kept. [y/N]")
		})
		return code, screen.String()
	}
	if code, shown := atScreen("n\n"); code != exitFailed || len(r.ids("webhooks", "list")) != 3 {
		t.Errorf("no: got exit code %d, want 1 and nothing removed:\n%s", code, shown)
	}
	if code, shown := atScreen("y\n"); code != exitDone || len(r.ids("webhooks", "list")) != 1 {
		t.Errorf("yes: got exit code %d, want 0 and one webhook:\n%s", code, shown)
	}
	r.must("", "seed", dir)
	want := "removed   b (A_1)\nremoved   c (A_1)\n0 added, 0 changed, 1 unchanged, 2 removed\n"
	if got := sortedLines(r.must("", "seed", "--prune", "--yes", only)); got != sortedLines(want) {
		t.Errorf("--yes: got\n%s\nwant\n%s", got, want)
	}
	if got, want := r.must("", "seed", "--prune", only), "0 added, 0 changed, 1 unchanged, 0 removed\n"; got != want {
		t.Errorf("nothing to remove: got %q, want %q without a question", got, want)
	}
}

func sortedLines(text string) string { return strings.Join(slices.Sorted(strings.Lines(text)), "") }

func TestSecretsOfASeedComeFromTheEnvironment(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	text := seedText("a", "active: true", "authorization: Bearer ${WEBHOOK_TOKEN}", "headers: {X-Price: '5$', X-Key: '${WEBHOOK_KEY}'}")
	file := filepath.Join(t.TempDir(), "seed.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := r.leadhook("", "seed", file)
	if got.code != exitFailed || !containsAll(got.errs, "nothing was written", "seed.yaml:7:20: authorization refers to the environment variable WEBHOOK_TOKEN, which is not set",
		"seed.yaml:8:", "WEBHOOK_KEY") {
		t.Errorf("got exit code %d, want 1 and both variables with their places:\n%s", got.code, got.errs)
	}
	r.environ = append(r.environ, "WEBHOOK_TOKEN=hush", "WEBHOOK_KEY=hush2", "AWS_SECRET_ACCESS_KEY=hush3", "CRM_TOKEN=hush4", "CRM_KEY=hush5")
	for what, got := range map[string]result{"a file": r.leadhook("", "seed", file), "standard input": r.leadhook(text, "seed", "-", "--allow-env")} {
		h := r.find("a")
		if got.code != exitDone || h.Authorization.Reveal() != "Bearer hush" || h.Headers["X-Price"].Reveal() != "5$" || h.Headers["X-Key"].Reveal() != "hush2" {
			t.Errorf("%s: got exit code %d and a webhook with other secrets:\n%s%s", what, got.code, got.out, got.errs)
		}
		if strings.Contains(got.out+got.errs, "hush") {
			t.Errorf("%s: a secret shows:\n%s%s", what, got.out, got.errs)
		}
	}
	for _, c := range []struct {
		text, want string
		args       []string
		environ    []string
	}{
		{text, "standard input:7:20: authorization refers to the environment variable WEBHOOK_TOKEN, which standard input and pipes may not unless --allow-env is given", nil, nil},
		{strings.ReplaceAll(text, "WEBHOOK_TOKEN", "AWS_SECRET_ACCESS_KEY"),
			"standard input:7:20: authorization refers to the environment variable AWS_SECRET_ACCESS_KEY, whose name does not begin with WEBHOOK_ (the setting secrets.env_prefix)", []string{"--allow-env"}, nil},
		{text, "whose name does not begin with CRM_ (the setting secrets.env_prefix)", []string{"--allow-env"}, []string{"LEADHOOK_SECRETS_ENV_PREFIX=CRM_"}},
		{strings.ReplaceAll(text, "WEBHOOK_", "CRM_"), "", []string{"--allow-env"}, []string{"LEADHOOK_SECRETS_ENV_PREFIX=CRM_"}},
	} {
		before := r.environ
		r.environ = append(slices.Clone(r.environ), c.environ...)
		got := r.leadhook(c.text, append([]string{"seed", "-"}, c.args...)...)
		r.environ = before
		if (got.code != exitDone) != (c.want != "") || !strings.Contains(got.errs, c.want) || strings.Contains(got.out+got.errs, "hush") {
			t.Errorf("%v %v: got exit code %d, want %q:\n%s", c.args, c.environ, got.code, c.want, got.errs)
		}
	}
}

func TestWhatIsSurprisingInASeedIsWarnedOf(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	file := seedText("a", "active: true") + strings.Replace(strings.TrimPrefix(seedText("b", "active: true", "lead_types: [calls]"), "webhooks:\n"), "/b\n", "/a\n", 1) +
		strings.Replace(strings.TrimPrefix(seedText("c"), "webhooks:\n"), "https://crm.example.com", "http://"+r.crmAddr, 1)
	got := r.leadhook(file, "seed", "-", "--quiet")
	want := `warning: standard input:7:5: webhook "b" has the URL and event of webhook "a" (standard input:2:5), and takes calls like it: each such lead arrives twice
warning: standard input:13:5: webhook "c" has an http URL: leads, and its secrets, can be read on their way
warning: standard input:13:5: webhook "c" is inactive: no leads are sent to it
`
	if got.code != exitDone || got.out != "3 added, 0 changed, 0 unchanged\n" || got.errs != want {
		t.Errorf("got exit code %d and\n%s%swant\n%s", got.code, got.out, got.errs, want)
	}
}

func TestASettingSaysHowManyWebhooksAnAdvertiserMayHave(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	r.environ = append(r.environ, "LEADHOOK_WEBHOOKS_PER_ADVERTISER=1")
	both := seedText("a", "active: true") + strings.TrimPrefix(seedText("b", "active: true"), "webhooks:\n")
	got := r.leadhook(both, "seed", "-")
	want := `standard input:7:5: advertiser "A_1" has 2 webhooks, at most 1 are allowed (webhooks.per_advertiser)`
	if got.code != exitFailed || !containsAll(got.errs, "nothing was written", want) {
		t.Errorf("in a file: got exit code %d, want 1 and\n%s\n%s%s", got.code, want, got.out, got.errs)
	}
	r.must(seedText("a", "active: true"), "seed", "-")
	got = r.leadhook(seedText("b", "active: true"), "seed", "-")
	want = `advertiser "A_1": it has 1 webhooks and would have 2, at most 1 are allowed (webhooks.per_advertiser)`
	if got.code != exitFailed || !containsAll(got.errs, "nothing was written", want) {
		t.Errorf("with one that is there: got exit code %d, want 1 and\n%s\n%s%s", got.code, want, got.out, got.errs)
	}
	r.must(seedText("b", "active: true"), "seed", "-", "--prune", "--yes")
	if ids := r.ids("webhooks", "list"); !slices.Equal(ids, []string{"b"}) {
		t.Errorf("one in place of the other: got %v, want b", ids)
	}
}
