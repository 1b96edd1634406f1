package main

import (
	"regexp"
	"runtime/debug"
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
