package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/leadhook/leadhook/internal/devstack"
)

const walkthrough = "../../docs/walkthrough.md"

// TestTheWalkThrough does what docs/walkthrough.md says, line by line, and
// compares what it shows with what comes.
func TestTheWalkThrough(t *testing.T) {
	t.Parallel()
	crm := startCRM(t, devstack.CRMOptions{Page: true})
	r := newRig(t, setup{partitions: 12, crm: crm.Addr(), redis: startRedis(t).url})
	r.crm = crm
	r.environ = append(r.environ, "LEADHOOK_DEV_CRM_LISTEN="+crm.Addr())
	r.run()
	text, err := os.ReadFile(walkthrough)
	if err != nil {
		t.Fatal(err)
	}
	follow := &follower{rig: r, dir: t.TempDir()}
	shown := follow.document(string(text))
	if *update {
		if err := os.WriteFile(walkthrough, []byte(shown), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	taken := 0
	for d, n := range crm.Counts() {
		if d.Path == "/v2/leads" {
			taken += n.Taken
		}
	}
	if taken != 3+1 {
		t.Errorf("the CRM took %d leads at its new address, want the three and the test", taken)
	}
}

// A follower does what a document says.
type follower struct {
	*rig
	dir string // of the files that it is told to save
}

// block is one of a document that says something: what it is, and its lines.
var block = regexp.MustCompile("(?s)```(yaml|console)\n(.*?)```")

// document follows a document, and returns it with what really came.
func (f *follower) document(text string) string {
	f.t.Helper()
	return block.ReplaceAllStringFunc(text, func(found string) string {
		parts := block.FindStringSubmatch(found)
		if parts[1] == "yaml" {
			f.save("prairie.yaml", parts[2])
			return found
		}
		var shown strings.Builder
		for _, step := range strings.Split("\n"+strings.TrimSuffix(parts[2], "\n"), "\n$ ")[1:] {
			line, want, _ := strings.Cut(step, "\n")
			fmt.Fprintf(&shown, "$ %s\n%s", line, f.step(line, want))
		}
		return "```console\n" + shown.String() + "```"
	})
}

func (f *follower) save(name, text string) {
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(f.here(text)), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// here and there translate between what the document names and what the test
// has instead.
func (f *follower) here(text string) string {
	return strings.ReplaceAll(text, "127.0.0.1:8085", f.crmAddr)
}

func (f *follower) there(text string) string {
	return strings.NewReplacer(f.crmAddr, "127.0.0.1:8085", f.dir+"/", "", f.topic, "leads").Replace(text)
}

// step runs one line of a console, until it shows what is wanted unless it
// changes something.
func (f *follower) step(line, want string) string {
	f.t.Helper()
	changes := regexp.MustCompile(`seed|publish|replay|answer|test`).MatchString(line)
	if *update && !changes {
		time.Sleep(3 * time.Second) // what is to come has come
	}
	got := f.there(f.line(line))
	for deadline := time.Now().Add(poll); !*update && alike(got) != alike(want); got = f.there(f.line(line)) {
		if changes || time.Now().After(deadline) {
			f.t.Errorf("$ %s\nshows\n%s\nwant\n%s", line, got, want)
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return got
}

// line runs a line of the shell, with as much of a shell as it takes.
func (f *follower) line(line string) string {
	f.t.Helper()
	out := ""
	for command := range strings.SplitSeq(line, " | ") {
		if command == "jq .event" {
			var letter struct{ Event json.RawMessage }
			if err := json.Unmarshal([]byte(out), &letter); err != nil {
				f.t.Fatalf("%s: %v", line, err)
			}
			out = string(letter.Event)
			continue
		}
		args := strings.Fields(f.here(command))
		for i, arg := range args {
			if strings.HasSuffix(arg, ".yaml") {
				args[i] = filepath.Join(f.dir, arg)
			}
		}
		got := f.leadhook(out, args[1:]...)
		if got.code != exitDone {
			f.t.Errorf("%s: exit code %d", command, got.code)
		}
		out = got.out + got.errs
	}
	return out
}

// alike is a text without what is different each time.
func alike(text string) string {
	for _, varies := range []struct{ what, is string }{
		{`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?`, "TIME"},
		{`\b\d{10,20}\b`, "ID"},
		{`[0-9a-f]{8}-[0-9a-f-]{27}`, "ID"},
		{`dlv_[0-9a-f]{32}`, "dlv_ID"},
		{`[0-9.]+ ?(µs|ms|s)\b`, "DURATION"},
		{`Timestamp: \d+`, "Timestamp: TIME"},
		{`leads/1/\d+`, "leads/1/OFFSET"},
		{`sample-[0-9a-f]{16}`, "ID"},
		{`\d+/s`, "RATE"},
		{`\d+ bytes`, "N bytes"},
		{` +`, " "},
	} {
		text = regexp.MustCompile(varies.what).ReplaceAllString(text, varies.is)
	}
	return strings.TrimSpace(text)
}
