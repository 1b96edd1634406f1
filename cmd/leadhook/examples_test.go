package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// examplesOf are the lines below "Examples:" in a command's help.
func examplesOf(help string) []string {
	_, text, _ := strings.Cut(help, "Examples:\n")
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestDocsExamples has bash read each line of the help, with
// all programs in it replaced: leadhook notes its arguments, which must be those
// of a command that is there, and the others do nothing.
func TestDocsExamples(t *testing.T) {
	t.Parallel()
	for _, node := range allCommands(t) {
		lines := examplesOf(node.Detail)
		if len(lines) == 0 {
			t.Errorf("%s has no examples", node.FullPath())
		}
		for _, line := range lines {
			calls := typedInBash(t, line)
			if len(calls) == 0 {
				t.Errorf("%s: the example does not call leadhook: %s", node.FullPath(), line)
			}
			for _, args := range calls {
				w := &app{stdout: io.Discard, stderr: io.Discard}
				if _, err := w.parser(t.Context(), &commands{}).Parse(args); err != nil {
					t.Errorf("%s: the example is wrong: %s: %v", node.FullPath(), line, err)
				}
				examplesExist(t, args)
			}
		}
	}
}

func examplesExist(t *testing.T, args []string) {
	t.Helper()
	for _, arg := range args {
		if _, err := os.Stat(filepath.Join("..", "..", arg)); err != nil && strings.HasPrefix(arg, "examples/") {
			t.Errorf("there is no %s", arg)
		}
	}
}

// typedInBash has bash run a line, and returns the arguments of each call of
// leadhook in it.
func typedInBash(t *testing.T, line string) [][]string {
	t.Helper()
	const prelude = `
leadhook() { printf '%s\0' "$@" $'\x1e' >> "$CALLS"; } # in one write: those of a pipeline run side by side
command_not_found_handle() { :; }
PATH=/nowhere
`
	dir := t.TempDir()
	calls := filepath.Join(dir, "calls")
	home := filepath.Join(dir, "home")
	if err := os.MkdirAll(filepath.Join(home, ".config", "fish", "completions"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-c", prelude+line+"\nwait")
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + home, "CALLS=" + calls}
	if out, err := cmd.CombinedOutput(); err != nil && !strings.Contains(line, "|") {
		t.Errorf("bash does not take %s: %v\n%s", line, err, out)
	}
	text, _ := os.ReadFile(calls)
	var all [][]string
	for call := range strings.SplitSeq(strings.TrimSuffix(string(text), "\x1e\x00"), "\x1e\x00") {
		if call != "" {
			all = append(all, strings.Split(strings.TrimSuffix(call, "\x00"), "\x00"))
		}
	}
	return all
}
