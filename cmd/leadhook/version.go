package main

import (
	"path/filepath"
	"runtime/debug"
	"strings"
)

// version is set by the linker, see the Makefile: 1.2.3+abc1234 for a release,
// dev+abc1234 for anything else.
var version = ""

// buildVersion returns the linker's version or, if leadhook was built with plain
// go, the same from what go recorded in the binary.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	switch {
	case version != "":
		return version
	case !ok:
		return "dev"
	}
	return notedVersion(info)
}

// notedVersion returns the version and the commit that go recorded. It has no
// blanks, since it is part of the User-Agent.
func notedVersion(info *debug.BuildInfo) string {
	var commit, dirty string
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			commit = setting.Value[:min(7, len(setting.Value))]
		case setting.Key == "vcs.modified" && setting.Value == "true":
			dirty = ".dirty"
		}
	}
	release := strings.TrimPrefix(info.Main.Version, "v")
	switch {
	case commit == "" && (release == "" || release == "(devel)"):
		return "dev"
	case commit == "": // go install: a release, or a version with a commit in it
		return release
	case strings.ContainsAny(release, "-+(") || release == "": // not built from a release's commit
		release = "dev"
	}
	return release + "+" + commit + dirty
}

// startedAs returns how to type the program that was started as arg0.
func startedAs(arg0 string) string {
	switch dir, base := filepath.Split(arg0); {
	case base != name:
		return name
	case strings.Contains(dir, "/go-build") && strings.HasSuffix(dir, "/exe/"):
		return "go run ./cmd/leadhook" // arg0 is removed at the end
	}
	return arg0
}
