//go:build faults

package faults

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// The environment variables that say how the suite runs.
const (
	shortVariable = "FAULTS_SHORT" // not empty: fewer leads, shorter faults, no long cases
	seedVariable  = "FAULTS_SEED"  // a number; empty: any
	tableVariable = "FAULTS_TABLE" // the file to write the table to; empty: standard output alone
	logsVariable  = "FAULTS_LOGS"  // a directory that keeps what the instances log; empty: none does
)

// The suite's own world, made once by TestMain.
var (
	short   = os.Getenv(shortVariable) != ""
	seed    uint64
	servers *stack
	rows    table
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if seed, err = chooseSeed(); err != nil {
		return 1, err
	}
	fmt.Printf("%s=%d\n", seedVariable, seed)
	dir, err := os.MkdirTemp("", "leadhook-faults-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binaries.dir = dir
	if servers, err = startStack(context.Background()); err != nil {
		return 1, err
	}
	defer servers.close()
	if err = leaveOut(); err != nil {
		return 1, err
	}
	code = m.Run()
	return code, rows.write(os.Getenv(tableVariable))
}

func chooseSeed() (uint64, error) {
	text := os.Getenv(seedVariable)
	if text == "" {
		return rand.Uint64N(1_000_000), nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is not a number: %s", seedVariable, text)
	}
	return n, nil
}

// chance is a test's own randomness: the same for the same seed, whichever
// other tests run.
func chance(t *testing.T) *rand.Rand {
	name := fnv.New64a()
	_, _ = name.Write([]byte(t.Name()))
	return rand.New(rand.NewPCG(seed, name.Sum64()))
}

// binaries are the leadhooks that the suite has built, by their build tags.
var binaries struct{ dir string }

// binary builds leadhook, with build tags that break it or without any, unless
// it is built already.
func binary(t *testing.T, tags string) string {
	t.Helper()
	path := filepath.Join(binaries.dir, "leadhook-"+tags)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-tags", tags, "-ldflags", "-s -w -X main.version="+nobodysVersion, "-o", path, "../cmd/leadhook")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build leadhook with the tags %q: %v\n%s", tags, err, out)
	}
	return path
}

// either is the first of two values in a full run, the second in a short one.
func either[T any](full, inShort T) T {
	if short {
		return inShort
	}
	return full
}
