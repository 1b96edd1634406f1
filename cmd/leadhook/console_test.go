package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A console does what a document shows in its blocks of the language console:
// it types each line after a "$ " into one bash, from the top of the
// repository, and compares what comes with what is shown. Addresses, and the
// topic, are the test's own; leadhook is this test binary.
type console struct {
	t      *testing.T
	dir    string            // where it types
	places *strings.Replacer // from what documents name to what the test has
	names  *strings.Replacer // and back
	stdin  *os.File
	codes  *bufio.Reader // of commands that have ended
	typed  int
	served map[string]*typedLine // what serves, by line
	before map[string]func()     // what a reader does before a line
	files  string                // the name of the file that a yaml block is saved as; empty: it is not saved
}

// consolePrelude replaces make by what builds nothing: it prints what make's
// target would, which must be there, and leadhook is there already.
const consolePrelude = `set -m
make() {
	command make -n "$@" >.made || return
	sed -n "s/^echo '\\(.*\\)' >&2$/\\1/p" .made
	if [ "$1" = dev ]; then bin/leadhook dev; fi
}
`

// newConsole opens a console. The environment holds what makes leadhook work
// without settings; topic is what documents call leads, and places are pairs of
// an address in documents and the test's.
func newConsole(t *testing.T, environ []string, topic string, places ...string) *console {
	t.Helper()
	c := &console{t: t, dir: t.TempDir(), served: map[string]*typedLine{}, before: map[string]func(){}}
	back := []string{c.dir + "/", "", topic, "leads"}
	for i := 0; i < len(places); i += 2 {
		back = append(back, places[i+1], places[i])
	}
	c.places, c.names = strings.NewReplacer(places...), strings.NewReplacer(back...)
	c.clone()

	parents, children := pipe(t)
	typing, typed := pipe(t)
	codes, ended := pipe(t)
	_ = children // closes with the test: see endWithParent
	cmd := exec.Command("bash", "--noprofile", "--norc")
	cmd.Dir, cmd.Stdin = c.dir, typing
	cmd.ExtraFiles = []*os.File{parents, ended}
	cmd.Env = append(withoutLeadhook(os.Environ()), environ...)
	cmd.Env = append(cmd.Env, "PATH="+filepath.Join(c.dir, ".tools")+":"+os.Getenv("PATH"))
	var errs output
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.stdin, c.codes = typed, bufio.NewReader(codes)
	t.Cleanup(func() {
		_ = typed.Close() // bash ends
		_ = cmd.Wait()
	})
	c.send(consolePrelude)
	return c
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = w.Close(), r.Close() })
	return r, w
}

// clone makes the directory look like a fresh clone, as far as documents look.
func (c *console) clone() {
	c.t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		c.t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "Makefile"), filepath.Join(c.dir, "Makefile")); err != nil {
		c.t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(c.dir, "examples"), os.DirFS(filepath.Join(root, "examples"))); err != nil {
		c.t.Fatal(err)
	}
	for _, name := range []string{"examples/local/leadhook.yaml", "examples/local/seed.yaml"} {
		text := c.places.Replace(readText(c.t, filepath.Join(c.dir, name)))
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	for name, variable := range map[string]string{
		"bin/leadhook": beLeadhook + "=1", ".tools/jq": beTool + "=jq", ".tools/curl": beTool + "=curl",
	} {
		file := filepath.Join(c.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			c.t.Fatal(err)
		}
		script := fmt.Sprintf("#!/bin/sh\n%s exec %q \"$@\"\n", variable, os.Args[0])
		if err := os.WriteFile(file, []byte(script), 0o700); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *console) send(text string) {
	c.t.Helper()
	if _, err := c.stdin.WriteString(text); err != nil {
		c.t.Fatal(err)
	}
}

// A typed line ends by itself, or serves until it is told to end.
type typedLine struct {
	c    *console
	line string
	file string // of what it wrote
	job  string // its process group, if it serves
}

func (l *typedLine) wrote() string {
	text, _ := os.ReadFile(l.file)
	return l.c.names.Replace(string(text))
}

// run types a line, waits for its end, and returns what it wrote and its exit
// code.
func (c *console) run(line string) (string, int) {
	c.t.Helper()
	l := c.next(line)
	c.send(fmt.Sprintf("{ %s\n} >%s 2>&1 </dev/null; echo $? >&4\n", c.places.Replace(line), l.file))
	code, err := strconv.Atoi(c.answer(line))
	if err != nil {
		c.t.Fatal(err)
	}
	return l.wrote(), code
}

// serve types a line that goes on until it is told to end.
func (c *console) serve(line string) *typedLine {
	c.t.Helper()
	l := c.next(line)
	c.send(fmt.Sprintf("{ %s\n} >%s 2>&1 </dev/null &\necho $! >&4\n", c.places.Replace(line), l.file))
	l.job, c.served[line] = c.answer(line), l
	c.t.Cleanup(l.end)
	return l
}

func (c *console) next(line string) *typedLine {
	c.typed++
	return &typedLine{c: c, line: line, file: filepath.Join(c.dir, fmt.Sprintf(".typed-%d", c.typed))}
}

// answer is what bash says of a line when it has typed it.
func (c *console) answer(line string) string {
	c.t.Helper()
	said := make(chan string, 1)
	go func() {
		text, _ := c.codes.ReadString('\n')
		said <- strings.TrimSpace(text)
	}()
	select {
	case text := <-said:
		return text
	case <-time.After(2 * time.Minute):
		c.t.Fatalf("$ %s\nhas not ended after two minutes", line)
		return ""
	}
}

// end interrupts a line that serves, as Ctrl-C does, and waits for its end.
func (l *typedLine) end() {
	if l.job == "" {
		return
	}
	_, code := l.c.run("kill -INT -- -" + l.job + "; wait " + l.job)
	if l.job = ""; code != exitDone {
		l.c.t.Errorf("$ %s\nends with exit code %d:\n%s", l.line, code, l.wrote())
	}
}

// serves matches lines that go on until Ctrl-C.
var serves = regexp.MustCompile(`^((bin/)?leadhook (run|dev|dev crm|dlq tail)|make dev)( *#.*| -.*)?$`)

// consoleBlock is one of a document that says something: what it is, and its
// lines.
var consoleBlock = regexp.MustCompile("(?s)```(yaml|console)\n(.*?)```")

// follow does what a text shows, and returns the text with what came.
func (c *console) follow(text string) string {
	c.t.Helper()
	return consoleBlock.ReplaceAllStringFunc(text, func(found string) string {
		parts := consoleBlock.FindStringSubmatch(found)
		if parts[1] == "yaml" {
			c.save(parts[2])
			return found
		}
		var shown strings.Builder
		for _, s := range steps(parts[2]) {
			fmt.Fprintf(&shown, "$ %s\n", s.line)
			if came := c.step(s.line, s.want); came != "" {
				fmt.Fprintf(&shown, "%s\n", strings.TrimSuffix(came, "\n"))
			}
		}
		return "```console\n" + shown.String() + "```"
	})
}

// A step is a line that is typed, and what comes of it.
type step struct{ line, want string }

// steps are those of a console block.
func steps(block string) (all []step) {
	for _, text := range strings.Split("\n"+strings.TrimSuffix(block, "\n"), "\n$ ")[1:] {
		line, want, _ := strings.Cut(text, "\n")
		for strings.HasSuffix(line, `\`) {
			var more string
			more, want, _ = strings.Cut(want, "\n")
			line += "\n" + more
		}
		all = append(all, step{line, want})
	}
	return all
}

func (c *console) save(text string) {
	c.t.Helper()
	if c.files == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(c.dir, c.files), []byte(c.places.Replace(text)), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// changes matches lines that must not be typed again and again until they show
// what is wanted.
var changes = regexp.MustCompile(`seed|publish|replay|answer |webhooks test|export|make|create`)

// step types one line, and wants its output; an empty want is any.
func (c *console) step(line, want string) string {
	c.t.Helper()
	if before := c.before[line]; before != nil {
		before()
	}
	if serves.MatchString(line) {
		l := c.serve(line)
		until(c.t, poll, fmt.Sprintf("$ %s\nshows\n%s", line, want), func() bool { return shows(l.wrote(), want) })
		return want
	}
	patience := poll
	if *update {
		patience = 15 * time.Second // what is to come has come by then, whatever is shown of it
	}
	got, code := c.run(line)
	for deadline := time.Now().Add(patience); !shows(got, want) && !changes.MatchString(line) && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
		got, code = c.run(line)
	}
	wantCode := exitDone
	if strings.HasSuffix(line, "# exit code 1") {
		wantCode = exitFailed
	}
	if code != wantCode {
		c.t.Errorf("$ %s\nends with exit code %d:\n%s", line, code, got)
	}
	if *update && want != "" && !strings.Contains(want, elided) {
		return got
	}
	if !shows(got, want) {
		c.t.Errorf("$ %s\nshows\n%s\nwant\n%s", line, got, want)
	}
	return want
}

// elided stands in a document for lines that it does not show.
const elided = "…"

// shows reports whether an output is as a document has it, without what is
// different each time. Where the document leaves something out, each piece
// that it has must be there, in any order: leads arrive as they like.
func shows(got, want string) bool {
	got, want = alike(got), alike(want)
	if want == "" || got == want {
		return true
	}
	if !strings.Contains(want, elided) {
		return false
	}
	for _, part := range strings.FieldsFunc(want, func(r rune) bool { return r == '\n' || string(r) == elided }) {
		if !strings.Contains(got, strings.TrimSpace(part)) {
			return false
		}
	}
	return true
}

// alike is a text without what is different each time.
func alike(text string) string {
	for _, varies := range []struct{ what, is string }{
		{`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?`, "TIME"},
		{`\b\d\d:\d\d:\d\d\b`, "TIME"},
		{`\b\d{10,20}\b`, "ID"},
		{`[0-9a-f]{8}-[0-9a-f-]{27}`, "ID"},
		{`dlv_[0-9a-f]{32}`, "dlv_ID"},
		{`[0-9.]+ ?(µs|ms|s)\b`, "DURATION"},
		{`Timestamp: \d+`, "Timestamp: TIME"},
		{`\bleads/(\d+)/\d+`, "leads/$1/OFFSET"},
		{`sample-[0-9a-f]{16}`, "ID"},
		{`\d+/s`, "RATE"},
		{`\d+ bytes`, "N bytes"},
		{` +`, " "},
		{` *\n`, "\n"},
	} {
		text = regexp.MustCompile(varies.what).ReplaceAllString(text, varies.is)
	}
	return strings.TrimSpace(text)
}
