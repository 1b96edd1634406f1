//go:build faults

package faults

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// The CRM must know which instance makes a POST, also of one that is killed meanwhile. What
// a POST has of the process that makes it is the version, in the User-Agent. So each
// instance runs a copy of the program that differs in the digits of its version alone.
const (
	versionPrefix  = "faults-"
	digits         = 5
	nobodysVersion = versionPrefix + "00000"
)

// instanceOf is the number in a User-Agent; zero: it has none.
func instanceOf(agent string) uint16 {
	_, text, _ := strings.Cut(agent, versionPrefix)
	n, _ := strconv.ParseUint(text, 10, 16)
	return uint16(n)
}

// numbered copies the rig's program for the instance with a number.
func (r *rig) numbered(n int) string {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "leadhook")
	if err := copyNumbered(r.binary, path, n); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// copyNumbered holds the lock that keeps other goroutines from starting processes: the
// kernel runs no program that a process which is just being started has open for writing.
func copyNumbered(from, to string, n int) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	program, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	numbered := bytes.ReplaceAll(program, []byte(nobodysVersion), fmt.Appendf(nil, "%s%0*d", versionPrefix, digits, n))
	return os.WriteFile(to, numbered, 0o700)
}

func TestTheNumberOfAnInstanceIsInItsProgram(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "from"), filepath.Join(t.TempDir(), "to")
	if err := os.WriteFile(from, []byte("\x7fELF "+nobodysVersion+"\x00 more"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := copyNumbered(from, to, 42); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(to)
	if err != nil || string(got) != "\x7fELF faults-00042\x00 more" {
		t.Fatalf("got %q, %v", got, err)
	}
	for agent, want := range map[string]uint16{"leadhook/faults-00042": 42, "leadhook/" + nobodysVersion: 0, "curl/7": 0, "": 0} {
		if got := instanceOf(agent); got != want {
			t.Errorf("%q: got instance %d, want %d", agent, got, want)
		}
	}
}
