package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/leadhook/leadhook/internal/realstack"
	"github.com/leadhook/leadhook/internal/samplecrm"
	"github.com/leadhook/leadhook/webhook/shares"
)

// A sample says how a command is called so that it does something. In args,
// {webhook} and {advertiser} are there, {letter} is a dead letter's place,
// {event} and {seed} are files, {crm} is a sample CRM's address, and {dir} is a
// directory that can be written to.
type sample struct {
	args         string
	kafka, redis bool   // it needs them
	writes       bool   // it changes webhooks: others at the same time could contradict it, and be told so
	up           string // what it says when it serves, until it is told to stop; "": it ends by itself
}

// samples has every command: whoever declares one says here how it is called.
var samples = map[string]sample{
	"run":              {up: `"msg":"starting"`},
	"dev":              {args: "--data {dir}", up: "Ctrl-C ends it"},
	"dev crm":          {args: "--listen 127.0.0.1:0", up: "the sample CRM takes leads at"},
	"dev crm answer":   {args: "/some-path 401 --listen {crm}"},
	"dev crm answers":  {args: "--listen {crm}"},
	"seed":             {args: "{seed}", kafka: true, writes: true},
	"webhooks list":    {kafka: true, redis: true},
	"webhooks show":    {args: "{webhook}", kafka: true},
	"webhooks test":    {args: "{webhook}", kafka: true},
	"webhooks export":  {kafka: true, redis: true},
	"webhooks enable":  {args: "{webhook}", kafka: true, writes: true},
	"webhooks disable": {args: "{webhook} --yes", kafka: true, writes: true},
	"webhooks remove":  {args: "nowhere --yes --ignore-missing", kafka: true, writes: true},
	"webhooks history": {args: "{advertiser}", kafka: true},
	"webhooks recover": {kafka: true, redis: true, writes: true},
	"webhooks adopt":   {kafka: true, redis: true, writes: true},
	"publish":          {args: "--sample call", kafka: true},
	"explain":          {args: "{event}", kafka: true},
	"dlq list":         {kafka: true},
	"dlq show":         {args: "{letter}", kafka: true},
	"dlq tail":         {args: "--limit 1", kafka: true, up: "TIME"},
	"dlq stats":        {kafka: true},
	"dlq replay":       {args: "{letter} --dry-run", kafka: true, redis: true},
	"retries list":     {kafka: true},
	"retries stats":    {kafka: true},
	"topics create":    {kafka: true},
	"topics check":     {kafka: true},
	"secrets new-key":  {},
	"secrets check":    {kafka: true, redis: true},
	"secrets reseal":   {kafka: true, redis: true, writes: true},
	"config":           {},
	"completion":       {args: "bash"},
}

// A stage is where every command can do something.
type stage struct {
	*rig
	names   *strings.Replacer
	writing *sync.RWMutex // held by what changes webhooks, and for reading by all others
}

func newStage(t *testing.T) stage {
	t.Helper()
	crm := &answers{}
	r := newRig(t, setup{partitions: 1, answer: crm.answer, redis: startRedis(t).url})
	h := r.hook("some", r.name("USA_1"))
	r.seed(h)
	crm.on(h, answerOf(400), answerOf(204))
	r.publish(event(h.Advertiser, "new_contact", "call", 1))
	service := r.run()
	r.until("there is a dead letter", func() bool { return r.leadhook("", "dlq", "show", "0/0").code == exitDone })
	service.stop()
	r.hasOldLayout()

	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	seedFile, err := json.Marshal(map[string][]hook{"webhooks": {h}})
	if err != nil {
		t.Fatal(err)
	}
	names := strings.NewReplacer("{webhook}", h.ID, "{advertiser}", h.Advertiser, "{letter}", "0/0",
		"{event}", file("event.json", event(h.Advertiser, "new_contact", "call", 1)), "{seed}", file("seed.json", string(seedFile)),
		"{crm}", startCRM(t, samplecrm.Options{Page: true}).Addr(), "{dir}", t.TempDir())
	return stage{r, names, &sync.RWMutex{}}
}

// hasOldLayout puts what webhooks adopt reads into Redis, without a webhook.
func (r *rig) hasOldLayout() {
	r.t.Helper()
	rdb := r.redisClient()
	for share := range shares.Count {
		if err := rdb.Set(r.t.Context(), fmt.Sprintf("%s:{%d}:seeded", r.topic, share), "1", 0).Err(); err != nil {
			r.t.Fatal(err)
		}
	}
}

func TestEveryCommandBehaves(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, node := range allCommands(t) {
		name := strings.TrimPrefix(node.FullPath(), "leadhook ")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := strings.Fields(name)
			s.refusesAWrongFlag(t, path)
			sample, ok := samples[name]
			switch {
			case !acts(node):
				s.asksForACommand(t, path)
			case !ok:
				t.Error("say in samples how this command is called")
			case sample.up != "":
				s.serves(t, path, sample)
			default:
				s.ends(t, path, sample)
			}
		})
	}
}

// acts says whether a command does something itself, or one that is hidden in
// it does.
func acts(node *kong.Node) bool { return node.Leaf() || node.DefaultCmd != nil }

func (s stage) refusesAWrongFlag(t *testing.T, path []string) {
	t.Helper()
	got := alone(nil, append(path, "--no-such-flag")...)
	sane(t, "a wrong flag", got, exitUsage)
	if !containsAll(got.errs, "--no-such-flag", "--help") || got.out != "" {
		t.Errorf("a wrong flag: got %+v", got)
	}
}

func (s stage) asksForACommand(t *testing.T, path []string) {
	t.Helper()
	got := alone(nil, path...)
	sane(t, "no arguments", got, exitUsage)
	if !strings.Contains(got.errs, "expected ") {
		t.Errorf("no arguments: got %+v", got)
	}
}

// ends looks at a command that does its work and ends.
func (s stage) ends(t *testing.T, path []string, sample sample) {
	t.Helper()
	unlock := s.writing.RUnlock
	if sample.writes {
		s.writing.Lock()
		unlock = s.writing.Unlock
	} else {
		s.writing.RLock()
	}
	defer unlock()
	args := slices.Concat(path, strings.Fields(s.names.Replace(sample.args)))
	away := "LEADHOOK_KAFKA_BROKERS=" + realstack.FreeAddr(t)
	noRedis := "LEADHOOK_REDIS_URL=redis://" + realstack.FreeAddr(t)

	bare := s.in(t, []string{away, noRedis}, path...)
	if want := bare.code; want == exitDone && (sample.kafka || sample.redis) {
		t.Errorf("no arguments, Kafka and Redis away: got %+v", bare)
	}
	sane(t, "no arguments, Kafka and Redis away", bare, bare.code)

	sane(t, "all is there", s.in(t, nil, args...), exitDone)
	if !sample.kafka {
		sane(t, "without Kafka", s.in(t, []string{away}, args...), exitDone)
	}
	if !sample.redis {
		sane(t, "without Redis", s.in(t, []string{noRedis}, args...), exitDone)
	}

	got, _ := s.process(t, "/proc", nil, args...) // a directory that root cannot write to either
	sane(t, "in a read-only directory", got, exitDone)
	if piped, state := s.process(t, "", closedPipe(t), args...); got.out != "" {
		quiet(t, piped, state)
	}
}

// serves looks at a command that goes on until it is told to stop.
func (s stage) serves(t *testing.T, path []string, sample sample) {
	t.Helper()
	_, binary := binary(t)
	d := newDev(t)
	environ := slices.Concat(s.environ, d.environ()[:4])
	args := slices.Concat(path, strings.Fields(s.names.Replace(sample.args)))
	for what, more := range map[string][]string{
		"": nil, "kafka": {"LEADHOOK_KAFKA_BROKERS=" + realstack.FreeAddr(t)}, "redis": {"LEADHOOK_REDIS_URL=redis://" + realstack.FreeAddr(t)},
	} {
		cmd := exec.CommandContext(t.Context(), binary, args...)
		var said output
		cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = slices.Concat(withoutLeadhook(os.Environ()), environ, more), "/proc", &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }()
		want, up := exitDone, sample.up
		if what == "kafka" && sample.kafka || what == "redis" && sample.redis {
			want, up = exitFailed, "leadhook: "
		}
		until(t, poll, strings.Join(args, " ")+" says "+up, func() bool { return strings.Contains(said.String(), up) })
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(poll):
			_ = cmd.Process.Kill()
			t.Errorf("without %s: it did not stop:\n%s", what, said.String())
			<-ended
		}
		sane(t, "without "+what, result{code: cmd.ProcessState.ExitCode(), errs: said.String()}, want)
	}
}

// TestWhatIsNotThereIsNamedWithinSeconds asks where nobody listens, and where
// somebody listens who never says a word.
func TestWhatIsNotThereIsNamedWithinSeconds(t *testing.T) {
	t.Parallel()
	names := strings.NewReplacer("{webhook}", "w", "{advertiser}", "USA_1", "{letter}", "0/0",
		"{event}", "../../examples/events/call.json", "{seed}", "../../examples/seed.yaml")
	var asking sync.WaitGroup
	for _, addr := range []string{realstack.FreeAddr(t), silent(t)} {
		s := stage{rig: &rig{t: t, environ: []string{"LEADHOOK_KAFKA_BROKERS=" + addr, "LEADHOOK_REDIS_URL=redis://:hush@" + addr}}}
		for name, sample := range samples {
			if sample.kafka || sample.redis {
				asking.Go(func() {
					s.namesWhatIsAway(t, addr, sample, append(strings.Fields(name), strings.Fields(names.Replace(sample.args))...))
				})
			}
		}
	}
	asking.Wait()
}

func (s stage) namesWhatIsAway(t *testing.T, addr string, sample sample, args []string) {
	t.Helper()
	got := s.in(t, nil, args...)
	what := strings.Join(args, " ")
	sane(t, what, got, exitFailed)
	named := sample.kafka && strings.Contains(got.errs, "kafka.brokers") || sample.redis && strings.Contains(got.errs, "redis.url")
	if !named || !strings.Contains(got.errs, addr) || strings.Contains(got.errs, "hush") {
		t.Errorf("%s: got\n%s\nwant the address %s and its setting, and no password", what, got.errs, addr)
	}
}

// TestDevSaysWhenItCannotWrite gives it a directory that not even root can use.
func TestDevSaysWhenItCannotWrite(t *testing.T) {
	t.Parallel()
	got := alone(newDev(t).environ(), "dev", "--data", "/proc/leadhook")
	sane(t, "dev --data", got, exitFailed)
	if !strings.Contains(got.errs, "/proc/leadhook") {
		t.Errorf("got\n%s\nwant the directory named", got.errs)
	}
}

// in runs a command within this process, with more in its environment.
func (s stage) in(t *testing.T, environ []string, args ...string) result {
	t.Helper()
	began := time.Now()
	got := (&rig{t: t, environ: slices.Concat(s.environ, environ)}).leadhook("", args...)
	if took := time.Since(began); took > poll { // it waits for four seconds; the machine may be busy
		t.Errorf("%s took %v, want seconds", strings.Join(args, " "), took)
	}
	return got
}

// process runs the binary to its end: in a directory, and with a standard
// output of the caller's, if there is one.
func (s stage) process(t *testing.T, dir string, stdout *os.File, args ...string) (result, *os.ProcessState) {
	t.Helper()
	_, binary := binary(t)
	ctx, cancel := context.WithTimeout(t.Context(), poll)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	cmd.Env = slices.Concat(withoutLeadhook(os.Environ()), s.environ, []string{"HOME=/proc", "TMPDIR=/proc"})
	if stdout != nil {
		cmd.Stdout = stdout
	}
	_ = cmd.Run() // the state says all
	if ctx.Err() != nil {
		t.Errorf("%s did not end", strings.Join(args, " "))
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}, cmd.ProcessState
}

// closedPipe is one that nobody reads any more.
func closedPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// sane demands an exit code, no trace of the stack and, of a failure, a line
// that says so.
func sane(t *testing.T, when string, got result, code int) {
	t.Helper()
	if got.code != code || strings.Contains(got.errs, "goroutine ") || strings.Contains(got.errs, "panic:") {
		t.Errorf("%s: got exit code %d, want %d and no trace:\n%s%s", when, got.code, code, got.out, got.errs)
	}
	if code != exitDone && !strings.HasPrefix(got.errs, "leadhook: ") && !strings.Contains(got.errs, "\nleadhook: ") {
		t.Errorf("%s: no line says what is wrong:\n%s", when, got.errs)
	}
}

// quiet demands the end that head and grep -q give to what writes to them:
// SIGPIPE, and not a word.
func quiet(t *testing.T, got result, state *os.ProcessState) {
	t.Helper()
	status, ok := state.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGPIPE || strings.Contains(got.errs, "leadhook: ") {
		t.Errorf("into a closed pipe: got %v, want SIGPIPE and no error:\n%s", state, got.errs)
	}
}
