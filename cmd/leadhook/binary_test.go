package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// binary is leadhook as it is delivered, built once: its directory, to be put
// into PATH, and its path.
func binary(t *testing.T) (dir, path string) {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, "leadhook")
}

var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "leadhook-")
	if err != nil {
		return "", err
	}
	atTheEnd = append(atTheEnd, func() { _ = os.RemoveAll(dir) })
	out, err := exec.Command("go", "build", "-o", dir, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
})

// atTheEnd is done when all tests have ended.
var atTheEnd []func()
