//go:build faults

package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// wrongClockVariable has a leadhook of wrongClock be ahead by so many seconds.
const wrongClockVariable = "FAULTS_CLOCK_AHEAD"

// wrongClock builds a leadhook with a package time whose clock a variable moves. Only the
// time of day is: what has passed, and what is waited for, is measured with the other clock,
// as it is when somebody sets a machine's clock.
func wrongClock(t *testing.T) (binary string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir, original := t.TempDir(), filepath.Join(strings.TrimSpace(string(out)), "src", "time", "time.go")
	source, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	const sound = "sec, nsec, mono := runtimeNow()"
	if strings.Count(string(source), sound) != 1 {
		t.Fatalf("%s is not as it was: Now does not begin with %q", original, sound)
	}
	moved := strings.Replace(string(source), sound, sound+"; sec += ahead", 1) + fmt.Sprintf(`
// ahead is what an environment variable has the clock be ahead by, in seconds.
var ahead = func() (seconds int64) {
	text, _ := syscall.Getenv(%q)
	for _, digit := range text {
		seconds = 10*seconds + int64(digit-'0')
	}
	return seconds
}()
`, wrongClockVariable)
	moved = strings.Replace(moved, "import (", "import (\n\t\"syscall\"", 1)
	file, overlay := filepath.Join(dir, "time.go"), filepath.Join(dir, "overlay.json")
	replaced, err := json.Marshal(map[string]map[string]string{"Replace": {original: file}})
	if err == nil {
		err = os.WriteFile(file, []byte(moved), 0o600)
	}
	if err == nil {
		err = os.WriteFile(overlay, replaced, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	binary = filepath.Join(dir, "leadhook")
	build := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-tags", "nodev",
		"-ldflags", "-s -w -X main.version="+nobodysVersion, "-o", binary, "../cmd/leadhook")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build leadhook with another clock: %v\n%s", err, out)
	}
	return binary
}

// TestFullClockOfAnInstance has the clock of one of two instances be ahead, while some CRMs
// fail so that it writes waits, and then another instance take over what it wrote: as far as
// an hour or a day is believed, those wait as much longer, since a wait counts by the clock
// of the instance that began it. No others may, and no lead may be lost, expire or come twice.
func TestFullClockOfAnInstance(t *testing.T) {
	binary := wrongClock(t)
	for _, by := range ahead {
		t.Run(by.String(), func(t *testing.T) {
			r := newRig(t, setup{environ: quickRetries})
			sound := r.binary
			hooks := r.many("crm", advertisers)
			failing, healthy := hooks[:20], hooks[20:]
			for _, h := range failing {
				r.crm.behave(h.path(), status(http.StatusInternalServerError))
			}
			r.runs(1)
			r.binary = binary
			wrong := r.startWith([]string{fmt.Sprintf("%s=%d", wrongClockVariable, int64(by.Seconds()))}, "run").ready()
			r.binary = sound
			published := r.publishing(manyLeads()/2, flow, hooks...)
			r.flows()
			time.Sleep(5 * time.Second)
			wrong.stop()
			for _, h := range failing {
				r.crm.behave(h.path(), takes)
			}
			end := time.Now()
			r.runs(1)
			published()
			time.Sleep(15 * time.Second) // what waits for no longer than it should has been delivered by then
			believed := by <= 24*time.Hour
			a := r.handled(time.Minute)
			if !believed {
				a = r.once(time.Minute)
			}
			if a.delivered+a.scheduled != a.wanted || a.oldest(healthy...) > mostWait {
				r.fails("leads of healthy CRMs waited for up to %v, or some leads are neither delivered nor wait: %v", a.oldest(healthy...), a)
			}
			r.row(fmt.Sprintf("clocks: that of one of two instances is ahead by %.0f hours, and it is replaced", by.Hours()), a, end,
				fmt.Sprintf("leads of healthy CRMs waited for %.1f s at most; %d of others wait for longer than they should",
					a.oldest(healthy...).Seconds(), a.scheduled))
		})
	}
}
