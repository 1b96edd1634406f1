package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// suggested are the words that leadhook suggests for the last one.
func (r *rig) suggested(words ...string) []string {
	r.t.Helper()
	var all []string
	for line := range strings.Lines(r.must("", append([]string{"__complete", "--"}, words...)...)) {
		word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		all = append(all, word)
	}
	return all
}

func TestSuggestionsForTheWordThatIsTyped(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	one, two := r.hook("one", r.name("USA_1")), r.hook("two", r.name("CAN_2"))
	one.Auth = "token hush"
	r.seed(one, two)
	settings := filepath.Join(t.TempDir(), "leadhook.yaml")
	text := "redis: {url: " + r.redis + ", prefix: " + r.topic + "}\nsecrets: {keys: [" + sealingKey + "]}\n"
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	elsewhere := &rig{t: t, environ: []string{"LEADHOOK_REDIS_URL=redis://127.0.0.1:1"}}
	for _, tc := range []struct {
		line, want string
		r          *rig
	}{
		{line: "ex", want: "explain"},
		{line: "topics ", want: "create check"},
		{line: "topics check --o", want: "--output"},
		{line: "--conf", want: "--config"},
		{line: "publish --sample=f", want: "--sample=form"},
		{line: "publish --sample ", want: "call chat form email"},
		{line: "publish --trigger e", want: "existing_contact"},
		{line: "topics check -o y", want: "yaml"},
		{line: "seed -q ", want: ":files"},
		{line: "seed a.yaml ", want: ":files"},
		{line: "seed -- ", want: ":files"},
		{line: "--config ", want: ":files"},
		{line: "publish --count ", want: ""},
		{line: "no-such-command ", want: ""},
		{line: "topics nonsense ", want: ""},
		{line: "publish --no-such-flag=", want: ""},
		{line: "__comp", want: ""},
		{line: "webhooks show one", want: one.ID},
		{line: "webhooks show " + one.ID + " t", want: two.ID},
		{line: "webhooks test o", want: one.ID},
		{line: "webhooks test " + one.ID + " ", want: ""},
		{line: "dev crm answer /json-new-1 h", want: "healthy hang hubspot-locked"},
		{line: "dev crm answer /json-new-1 z", want: "zoho"},
		{line: "webhooks list --advertiser CAN", want: two.Advertiser},
		{line: "webhooks show one", want: "", r: elsewhere},
		{line: "--config " + settings + " webhooks show one", want: one.ID, r: &rig{t: t}},
		{line: "-c" + settings + " webhooks show one", want: one.ID, r: &rig{t: t}},
		{line: "--config=" + settings + "/no webhooks show one", want: "", r: &rig{t: t}},
	} {
		if tc.r == nil {
			tc.r = r
		}
		var got string
		until(t, poll, tc.line+" has a suggestion", func() bool { // on a busy machine ids may not be there in time, and then there are none
			got = strings.Join(tc.r.suggested(strings.Split(tc.line, " ")...), " ")
			return got != "" || tc.want == ""
		})
		if got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.line, got, tc.want)
		}
	}
	var all string
	r.until("ids and advertisers are suggested", func() bool {
		all = r.must("", "__complete", "--", "webhooks", "show", "")
		return strings.Contains(all, one.ID+"\t"+one.Advertiser)
	})
	if strings.Contains(all, "hush") {
		t.Errorf("got %q, want no secret", all)
	}
}

// TestWhoTypesDoesNotWaitForRedis asks one that never says a word.
func TestWhoTypesDoesNotWaitForRedis(t *testing.T) {
	t.Parallel()
	r := &rig{t: t, environ: []string{"LEADHOOK_REDIS_URL=redis://" + silent(t)}}
	began := time.Now()
	got := r.leadhook("", "__complete", "--", "webhooks", "show", "")
	if took := time.Since(began); got != (result{}) || took > 2*time.Second {
		t.Errorf("got %+v after %v, want nothing within half a second", got, took)
	}
}

// A shell is one that completion has a script for.
type shell struct {
	name  string
	start []string // the command
	setup string   // its first line
}

var shells = []shell{
	{"bash", []string{"bash", "--norc", "--noprofile", "-i"}, "source <(leadhook completion bash)"},
	{"zsh", []string{"zsh", "-f", "-i"}, "autoload -U compinit && compinit -D -u && source <(leadhook completion zsh)"},
	{"fish", []string{"fish", "--no-config", "-i"}, "leadhook completion fish | source"},
}

// TestShellsCompleteWhatIsTyped types on a terminal, in every shell that is
// there: bash must be, CI has all.
func TestShellsCompleteWhatIsTyped(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	plain, odd := r.hook("84+TEST", r.name("USA_1")), r.hook("odd", r.name("USA_2"))
	plain.URL, odd.URL = "http://"+r.crmAddr+"/", "http://"+r.crmAddr+"/"
	odd.ID = "odd:" + r.unique + " and 'so' on"
	r.seed(plain, odd)
	for _, sh := range shells {
		if _, err := exec.LookPath(sh.name); err != nil && sh.name != "bash" {
			continue
		}
		t.Run(sh.name, func(t *testing.T) {
			t.Parallel()
			line := sh.open(t, r)
			for typed, want := range map[string]string{
				"leadhook webhooks sh":              "<leadhook><webhooks><show>",
				"leadhook webhooks show --show-s":   "<leadhook><webhooks><show><--show-secrets>",
				"leadhook publish --trigger ex":     "<leadhook><publish><--trigger><existing_contact>",
				"leadhook publish --trigger=ex":     "<leadhook><publish><--trigger=existing_contact>",
				"leadhook webhooks show 84":         "<leadhook><webhooks><show><" + plain.ID + ">",
				"leadhook webhooks show odd":        "<leadhook><webhooks><show><" + odd.ID + ">",
				"leadhook webhooks show odd:":       "<leadhook><webhooks><show><" + odd.ID + ">",
				"leadhook seed -q some-":            "<leadhook><seed><-q><some-file.yaml>",
				"leadhook webhooks show no-such-id": "<leadhook><webhooks><show><no-such-id>",
			} {
				var got string
				for range 10 { // a busy machine may take longer than who types waits
					if got = line(typed); got == want {
						break
					}
				}
				if got != want {
					t.Errorf("%s and Tab: got %s, want %s", typed, got, want)
				}
			}
		})
	}
}

// open starts the shell, and returns what types a line, has it completed, and
// returns the words of it.
func (sh shell) open(t *testing.T, r *rig) func(typed string) string {
	t.Helper()
	const patience = 20 * time.Second
	dir, _ := binary(t)
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "some-file.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(sh.start[0], sh.start[1:]...)
	cmd.Dir = home
	cmd.Env = slices.Concat(withoutLeadhook(os.Environ()), r.environ, []string{
		"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_DATA_HOME=" + home,
		"TERM=xterm", "PS1=$ ", "LC_ALL=C.UTF-8", "EDITOR=",
	})
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 250})
	if err != nil {
		t.Fatal(err)
	}
	screen := &output{}
	shown := make(chan struct{})
	go func() { _, _ = io.Copy(screen, terminal); close(shown) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = terminal.Close(); <-shown })
	enter := func(keys, awaited string) string {
		before := len(screen.String())
		if _, err := io.WriteString(terminal, keys); err != nil {
			t.Fatal(err)
		}
		until(t, patience, sh.name+" shows "+awaited+" after "+keys, func() bool {
			return strings.Contains(screen.String()[before:], awaited)
		})
		return screen.String()[before:]
	}
	enter("echo re''ady\r", "ready")
	enter(sh.setup+"; echo se''t\r", "set")
	return func(typed string) string {
		const home, end = "\x01", "\x05"
		text := enter(typed+"\t"+home+"printf '<%s>' "+end+" end\r", "<end>")
		words, _, _ := strings.Cut(text[strings.LastIndex(text, "<leadhook>"):], "<end>")
		return words
	}
}
