package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
)

func TestAVersionHasTheCommit(t *testing.T) {
	t.Parallel()
	const revision = "abc1234def5678abc1234def5678abc1234def56"
	clean := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: "false"}}
	changed := []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: "true"}}
	for _, tc := range []struct {
		main     string
		settings []debug.BuildSetting
		want     string
	}{
		{"v1.2.3", clean, "1.2.3+abc1234"},
		{"v1.2.4-0.20261129210302-abc1234def56", clean, "dev+abc1234"},
		{"v0.0.0-20261129210302-abc1234def56+dirty", changed, "dev+abc1234.dirty"},
		{"(devel)", clean, "dev+abc1234"},
		{"(devel)", nil, "dev"},
		{"", nil, "dev"},
		{"v1.2.3", nil, "1.2.3"},
	} {
		got := notedVersion(&debug.BuildInfo{Main: debug.Module{Version: tc.main}, Settings: tc.settings})
		if got != tc.want {
			t.Errorf("%s with %v: got %s, want %s", tc.main, tc.settings, got, tc.want)
		}
		if !regexp.MustCompile(`^[0-9A-Za-z.+-]+$`).MatchString(got) {
			t.Errorf("%q is no part of a User-Agent", got)
		}
	}
}

func TestHowItWasStarted(t *testing.T) {
	t.Parallel()
	for arg0, want := range map[string]string{
		"leadhook": "leadhook", "bin/leadhook": "bin/leadhook", "./leadhook": "./leadhook", "/usr/local/bin/leadhook": "/usr/local/bin/leadhook",
		"/tmp/go-build123/b001/exe/leadhook": "go run ./cmd/leadhook", "/tmp/go-build123/b001/leadhook.test": "leadhook", "": "leadhook",
	} {
		if got := startedAs(arg0); got != want {
			t.Errorf("%q: got %q, want %q", arg0, got, want)
		}
	}
}

// TestBuildForProductionHasNoServers looks at what is in the binary of the
// image, and what its dev command says.
func TestBuildForProductionHasNoServers(t *testing.T) {
	t.Parallel()
	listed, err := exec.Command("go", "list", "-deps", "-tags", "nodev", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(listed)) {
		if containsAny(line, "kfake", "miniredis", "gopher-lua", "internal/devstack") {
			t.Errorf("%s is in it", strings.TrimSpace(line))
		}
	}
	path := filepath.Join(t.TempDir(), "leadhook")
	if out, err := exec.Command("go", "build", "-tags", "nodev", "-ldflags", "-X main.version=1.2.3+abc1234", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	dev := exec.Command(path, "dev")
	text, _ := dev.CombinedOutput()
	if code := dev.ProcessState.ExitCode(); code != exitFailed || !containsAll(string(text), "for production", "make build", "docker compose up", "dev crm") {
		t.Errorf("dev: got exit code %d, want 1 and what to do instead:\n%s", code, text)
	}
	if text, err := exec.Command(path, "dev", "crm", "--help").Output(); err != nil || !strings.Contains(string(text), "leadhook dev crm answer") {
		t.Errorf("dev crm --help: got %v and\n%s", err, text)
	}
	if text, err := exec.Command(path, "--version").Output(); err != nil || string(text) != "1.2.3+abc1234\n" {
		t.Errorf("--version: got %v and %q", err, text)
	}
}

func containsAny(text string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// TestDocsHintsOfDev starts dev as make does, and types a hint.
func TestDocsHintsOfDev(t *testing.T) {
	t.Parallel()
	_, built := binary(t)
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(built, filepath.Join(dir, "bin", "leadhook")); err != nil {
		t.Fatal(err)
	}
	d := newDev(t)
	var said output
	cmd := exec.Command("bin/leadhook", "dev")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &said, &said
	cmd.Env = append(withoutLeadhook(os.Environ()), d.environ()...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	until(t, poll, "the hints show", func() bool { return strings.Contains(said.String(), "Ctrl-C ends it.") })

	_, hints, _ := strings.Cut(said.String(), "in a second terminal:\n\n")
	hints, _, _ = strings.Cut(hints, "\n\n")
	if !containsAll(hints, "  cd '"+dir+"'\n", "  bin/leadhook publish --sample chat", "  bin/leadhook topics check") {
		t.Errorf("the hints are not as make dev needs them:\n%s", hints)
	}
	second := exec.Command("bash", "-e", "-c", hints)
	second.Dir, second.Env = t.TempDir(), append(withoutLeadhook(os.Environ()), d.environ()...)
	if text, err := second.CombinedOutput(); err != nil || !containsAll(string(text), "published 1 event", "ok: leads\n", "Commands:") {
		t.Errorf("typed as they are: got %v and\n%s", err, text)
	}
}
