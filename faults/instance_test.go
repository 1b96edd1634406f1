//go:build faults

package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// An instance is a `leadhook run`, as a process.
type instance struct {
	r       *rig
	number  int // from 1; the User-Agent of its POSTs has it
	process *os.Process
	log     string          // the file with both outputs
	ended   <-chan struct{} // closed when the process is over
	code    int             // valid once ended is closed; -1: ended by a signal
	admin   string          // where it answers questions; empty: not known yet
	said    string          // what it said last of its readiness
}

// start starts a command of leadhook on a thread that lives as long as the
// process, since the kernel ends the process with that thread: nothing stays
// behind when the suite dies.
func (r *rig) start(args ...string) *instance { r.t.Helper(); return r.startWith(nil, args...) }

// startWith is start with settings that differ from the rig's.
func (r *rig) startWith(environ []string, args ...string) *instance {
	r.t.Helper()
	r.started++
	i := &instance{r: r, number: r.started, log: filepath.Join(r.logs(), strconv.Itoa(r.started)+".log")}
	program := r.numbered(i.number)
	defer os.Remove(program) // the process has it open
	log, err := os.Create(i.log)
	if err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(r.env(), environ...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began, ended := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer close(ended)
		defer log.Close()
		err := cmd.Start()
		began <- err
		if err == nil {
			_ = cmd.Wait() // the exit code says all
			i.code = cmd.ProcessState.ExitCode()
		}
	}()
	if err := <-began; err != nil {
		r.t.Fatal(err)
	}
	i.process, i.ended = cmd.Process, ended
	r.instances = append(r.instances, i)
	r.t.Cleanup(func() {
		_ = i.process.Kill()
		<-ended
	})
	return i
}

// logs is the directory for the logs of the rig's instances.
func (r *rig) logs() string {
	r.t.Helper()
	kept := os.Getenv(logsVariable)
	if kept == "" {
		return r.t.TempDir()
	}
	dir := filepath.Join(kept, r.topic)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		r.t.Fatal(err)
	}
	return dir
}

// env is the rig's environment, without what a developer has set for
// leadhook.
func (r *rig) env() []string {
	var all []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "LEADHOOK_") {
			all = append(all, entry)
		}
	}
	return append(all, r.environ...)
}

// run starts the service.
func (r *rig) run() *instance { r.t.Helper(); return r.start("run") }

// runs starts so many instances, and waits until all of them are ready.
func (r *rig) runs(n int) []*instance {
	r.t.Helper()
	var all []*instance
	for range n {
		all = append(all, r.run())
	}
	for _, i := range all {
		i.ready()
	}
	return all
}

// must runs any other command to its end.
func (r *rig) must(stdin string, args ...string) {
	r.t.Helper()
	cmd := exec.Command(r.binary, args...)
	cmd.Env, cmd.Stdin = r.env(), strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("leadhook %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// kill ends it with SIGKILL. What was in its hands then may come twice.
func (i *instance) kill() {
	from := time.Now()
	_ = i.process.Kill()
	<-i.ended
	i.died(from)
}

// died notes that it is dead for the others, from a moment on.
func (i *instance) died(from time.Time) {
	i.r.note(fault{what: killed, instance: i.number, from: from, to: time.Now()})
}

// term asks it to stop; await waits for that.
func (i *instance) term() { _ = i.process.Signal(syscall.SIGTERM) }

// await waits for an orderly end.
func (i *instance) await(within time.Duration) {
	i.r.t.Helper()
	select {
	case <-i.ended:
		if i.code != 0 {
			i.r.fails("an instance ended with exit code %d:\n%s", i.code, i.tail())
		}
	case <-time.After(within):
		i.r.giveUp("still running %v after SIGTERM:\n%s", within, i.tail())
	}
}

// stop ends it in an orderly way.
func (i *instance) stop() { i.r.t.Helper(); i.term(); i.await(time.Minute) }

// freeze stops it (SIGSTOP) until thaw. For the others it is as good as dead.
func (i *instance) freeze() {
	from := time.Now()
	_ = i.process.Signal(syscall.SIGSTOP)
	i.died(from)
}

func (i *instance) thaw() { _ = i.process.Signal(syscall.SIGCONT) }

// ready waits until the instance says that it is.
func (i *instance) ready() *instance {
	i.r.t.Helper()
	for deadline := time.Now().Add(time.Minute); i.readyz() != http.StatusOK; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			i.r.giveUp("not within a minute: an instance is ready; it says %s\n%s", i.said, i.tail())
		}
	}
	return i
}

// readyz asks whether it is ready; 0 means that there was no answer.
func (i *instance) readyz() (status int) {
	if i.admin == "" {
		i.admin = i.findAdmin()
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + i.admin + "/readyz")
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	said, _ := io.ReadAll(res.Body)
	i.said = string(said)
	return res.StatusCode
}

// ledger is what it counts of look-ups that Redis did not answer in time, and of attempts
// without a claim: on a machine that is too busy these make leads come twice.
func (i *instance) ledger() string {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + i.findAdmin() + "/metrics")
	if err != nil {
		return fmt.Sprintf("instance %d does not tell its metrics: %v", i.number, err)
	}
	defer res.Body.Close()
	text := fmt.Sprintf("instance %d counts", i.number)
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "leadhook_ledger_unanswered_total") || strings.HasPrefix(line, "leadhook_ledger_unclaimed_total") {
			text += " " + line
		}
	}
	return text
}

// alive returns whether the process runs.
func (i *instance) alive() bool {
	select {
	case <-i.ended:
		return false
	default:
		return true
	}
}

// findAdmin looks the address up in the log.
func (i *instance) findAdmin() string {
	file, err := os.Open(i.log)
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving health and metrics" {
			return line.Address
		}
	}
	return ""
}

// peak is the most memory that it has had resident, in bytes.
func (i *instance) peak() int64 { return i.status("VmHWM:") << 10 }

func (i *instance) status(key string) (value int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.process.Pid))
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, key); found {
			_, _ = fmt.Sscan(rest, &value)
		}
	}
	return value
}

// tail is the end of the log.
func (i *instance) tail() string {
	text, _ := os.ReadFile(i.log)
	return string(text[max(0, len(text)-3000):])
}
