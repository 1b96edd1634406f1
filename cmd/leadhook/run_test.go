package main

import (
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
)

func TestGarbageIsCollectedRarelyUnlessGOGCSaysOtherwise(t *testing.T) {
	const own = 70
	defer debug.SetGCPercent(debug.SetGCPercent(own))
	for variable, want := range map[string]int{"70": own, "": 50} {
		t.Setenv("GOGC", variable)
		ballast := collectRarely()
		if got := debug.SetGCPercent(own); got != want {
			t.Errorf("with GOGC=%q the heap grows by %d %%, want %d", variable, got, want)
		}
		if has := ballast != nil; has != (variable == "") {
			t.Errorf("with GOGC=%q there is a ballast: %v", variable, has)
		}
	}
}

func TestHeapIsLimitedUnlessGOMEMLIMITSaysOtherwise(t *testing.T) {
	const own, memory, ballast = 3 << 30, 1 << 30, 1 << 20
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(own))
	for variable, want := range map[string]int64{"": memory + ballast, "3GiB": own, "off": own} {
		t.Setenv("GOMEMLIMIT", variable)
		limitHeap(memory, make([]byte, ballast))
		if got := debug.SetMemoryLimit(own); got != want {
			t.Errorf("with GOMEMLIMIT=%q the limit is %d, want %d", variable, got, want)
		}
	}
}

func TestStartSaysWhatMemoryIsDividedInto(t *testing.T) {
	t.Parallel()
	i := start(t, []string{"LEADHOOK_MEMORY=256MiB", "LEADHOOK_CONSUMER_OPEN_EVENTS=300", "LEADHOOK_ADMIN_LISTEN=",
		"LEADHOOK_KAFKA_BROKERS=" + silent(t)}, "run")
	until(t, poll, "the start is logged", func() bool { return i.log.lines(`"starting"`) == 1 })
	if !containsAll(i.log.String(), `"memory":268435456,"heap_limit":234881024,"max_in_flight":2048,"open_events":300,"open_bytes":33554432`) {
		t.Errorf("the start does not say what memory is divided into:\n%s", i.tail())
	}
	i.end(syscall.SIGTERM)
}

func TestTooFewFilesAreAFaultAtTheStart(t *testing.T) {
	t.Parallel()
	for limit, c := range map[string]struct{ files, memory, want string }{
		"too few": {"6399", "512MiB", "this process may open 6399 files, and http.max_in_flight 4096 needs 6400: raise the limit"},
		"enough":  {"3328", "256MiB", `"starting"`},
	} {
		t.Run(limit, func(t *testing.T) {
			t.Parallel()
			cmd := command(t, []string{"LEADHOOK_MEMORY=" + c.memory, "LEADHOOK_CONSUMER_OPEN_EVENTS=300", "LEADHOOK_ADMIN_LISTEN=",
				"LEADHOOK_KAFKA_BROKERS=" + silent(t)}, "run")
			log := &output{}
			cmd.Stderr = log
			cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `ulimit -n ` + c.files + ` && exec "$0" "$@"`, os.Args[0]}, "run")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
			until(t, poll, c.want, func() bool { return strings.Contains(log.String(), c.want) })
		})
	}
}
