package main

import (
	"runtime/debug"
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
