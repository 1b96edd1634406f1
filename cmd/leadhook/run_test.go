package main

import (
	"runtime/debug"
	"syscall"
	"testing"
)

func TestGarbageIsCollectedRarelyUnlessGOGCSaysOtherwise(t *testing.T) {
	const own = 50
	defer debug.SetGCPercent(debug.SetGCPercent(own))
	for variable, want := range map[string]int{"50": own, "": 200} {
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
	const own, memory = 3 << 30, 1 << 30
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(own))
	for variable, want := range map[string]int64{"": memory, "3GiB": own, "off": own} {
		t.Setenv("GOMEMLIMIT", variable)
		limitHeap(memory)
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
