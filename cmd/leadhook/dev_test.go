package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/realstack"
)

// A dev is where `leadhook dev` is to be, and where the other commands look.
type dev struct {
	kafka, redis, crm, admin string
}

func newDev(t *testing.T) dev {
	t.Helper()
	return dev{kafka: realstack.FreeAddr(t), redis: realstack.FreeAddr(t), crm: realstack.FreeAddr(t), admin: realstack.FreeAddr(t)}
}

func (d dev) environ() []string {
	return []string{
		"LEADHOOK_DEV_KAFKA_LISTEN=" + d.kafka, "LEADHOOK_DEV_REDIS_LISTEN=" + d.redis, "LEADHOOK_DEV_CRM_LISTEN=" + d.crm,
		"LEADHOOK_ADMIN_LISTEN=" + d.admin, "LEADHOOK_KAFKA_BROKERS=" + d.kafka, "LEADHOOK_REDIS_URL=redis://" + d.redis,
	}
}

// rig is for questions about what is in its Kafka.
func (d dev) rig(t *testing.T) *rig {
	t.Helper()
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &rig{t: t, topic: "leads", partitions: 12, kafka: d.kafka,
		client: &kafka.Client{Addr: kafka.TCP(d.kafka), Transport: transport}}
}

func (i *instance) says(what string) {
	i.t.Helper()
	until(i.t, poll, "it says "+what, func() bool { return strings.Contains(i.log.String(), what) })
}

func TestTheFirstMinute(t *testing.T) {
	t.Parallel()
	d := newDev(t)
	i := start(t, d.environ(), "dev")
	i.says("All 4 have arrived.")
	before, _, _ := strings.Cut(i.log.String(), "All 4 have arrived.")
	if n := strings.Count(before, " POST /"); n != 4 {
		t.Errorf("by then the CRM shows %d leads, want 4:\n%s", n, i.tail())
	}
	for _, what := range []string{"Phone call from ", "Web form from ", "Email from ", "Chat from ", "· JSON ·", "· ADF ·", "http://" + d.admin, d.kafka} {
		if !strings.Contains(i.log.String(), what) {
			t.Errorf("it does not show %q:\n%s", what, i.tail())
		}
	}
	until(t, poll, "it is ready, with partitions in which no lead is", func() bool {
		status, _ := get(t, "http://"+d.admin+"/readyz")
		return status == http.StatusOK
	})
	for command, want := range map[string]string{
		"topics check":                  "ok: leads\n",
		"publish --sample chat":         "published 1 event",
		"seed ../../examples/seed.yaml": "6 added",
	} {
		if got := alone(append(d.environ(), "LEADHOOK_SECRETS_PLAIN=true"), strings.Fields(command)...); got.code != exitDone || !strings.Contains(got.out, want) {
			t.Errorf("%s: got exit code %d, want 0 and %q:\n%s%s", command, got.code, want, got.out, got.errs)
		}
	}
	until(t, poll, "the fifth lead arrives", func() bool { return i.log.lines(" POST /") == 5 })
	d.failsAsTold(t, i)
	d.saysWhatREADMEShows(t, i)
	i.end(os.Interrupt)
	i.says("ending: ")
	i.says("ended.")
	for _, addr := range []string{d.kafka, d.redis, d.crm, d.admin} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Errorf("after its end: %v", err)
			continue
		}
		_ = l.Close()
	}
}

// README shows what it says first.
func (d dev) saysWhatREADMEShows(t *testing.T, i *instance) {
	t.Helper()
	head, _, _ := strings.Cut(i.log.String(), "Publishing 4")
	head = strings.NewReplacer(d.kafka, "127.0.0.1:9092", d.redis, "127.0.0.1:6379", d.crm, "127.0.0.1:8085", d.admin, "127.0.0.1:9464").Replace(head)
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), head) {
		t.Errorf("README.md does not show this:\n%s", head)
	}
}

// failsAsTold lets the CRM fail with the line that dev prints for it.
func (d dev) failsAsTold(t *testing.T, i *instance) {
	t.Helper()
	var line string
	for line = range linesWith(i.log.String(), "  leadhook dev crm answer ") {
		line, _, _ = strings.Cut(line, "#")
	}
	if got := alone(d.environ(), strings.Fields(line)[1:]...); got.code != exitDone || got.out != "/json-new-1 answers: 401\n" {
		t.Errorf("%s: got exit code %d:\n%s%s", line, got.code, got.out, got.errs)
	}
	if got := alone(d.environ(), "publish", "--sample", "call"); got.code != exitDone {
		t.Error(got.errs)
	}
	i.says("answered 401")
	if status, page := get(t, "http://"+d.crm); status != http.StatusOK || !strings.Contains(page, "<title>Sample CRM</title>") {
		t.Errorf("the page is %d:\n%s", status, page)
	}
}

func TestATakenPortIsNamed(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	for _, setting := range []string{"DEV_KAFKA_LISTEN", "DEV_REDIS_LISTEN", "DEV_CRM_LISTEN", "ADMIN_LISTEN"} {
		variable := "LEADHOOK_" + setting
		got := alone(append(newDev(t).environ(), variable+"="+taken.Addr().String()), "dev")
		if got.code != exitFailed || !containsAll(got.errs, taken.Addr().String(), "in use", variable) {
			t.Errorf("%s: got exit code %d, want 1, the address and the variable:\n%s", setting, got.code, got.errs)
		}
	}
}

func TestDataIsKeptOverARestart(t *testing.T) {
	t.Parallel()
	d := newDev(t)
	data := t.TempDir()
	for run := 1; run <= 2; run++ {
		i := start(t, d.environ(), "dev", "--data", data)
		i.says("All 4 have arrived.")
		r := d.rig(t)
		if got, want := r.logEnds(), int64(4*run); got != want {
			t.Errorf("run %d: %d leads lie in Kafka, want %d", run, got, want)
		}
		i.end(os.Interrupt)
		if n := i.log.lines(" POST /"); n != 4 {
			t.Errorf("run %d: the CRM got %d leads, want the 4 that are new:\n%s", run, n, i.tail())
		}
	}
}

func TestTheSampleCRMAlone(t *testing.T) {
	t.Parallel()
	addr := realstack.FreeAddr(t)
	i := start(t, nil, "dev", "crm", "--listen", addr)
	i.says("http://" + addr)
	if status := postLead(t, "http://"+addr+"/any"); status != http.StatusNoContent {
		t.Errorf("answered %d, want 204", status)
	}
	i.says("Ada Example")
	i.end(os.Interrupt)
}

// postLead POSTs a lead and returns the status of the answer.
func postLead(t *testing.T, url string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), poll)
	defer cancel()
	body := strings.NewReader(`{"lead": {"id": 7, "event_type": "call", "display_name": "Ada Example"}}`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func TestTheSampleCRMIsToldHowToAnswer(t *testing.T) {
	t.Parallel()
	addr := realstack.FreeAddr(t)
	i := start(t, nil, "dev", "crm", "--listen", addr)
	i.says("http://" + addr)
	environ := []string{"LEADHOOK_DEV_CRM_LISTEN=" + addr}
	tell := func(args ...string) string {
		t.Helper()
		got := alone(environ, append([]string{"dev", "crm"}, args...)...)
		if got.code != exitDone {
			t.Fatalf("dev crm %q: got exit code %d:\n%s%s", args, got.code, got.out, got.errs)
		}
		return got.out + got.errs
	}
	if got, want := tell("answers"), "no lead has arrived yet\n"; got != want {
		t.Errorf("at first: got %q, want %q", got, want)
	}
	for _, tc := range []struct {
		args, says string
		status     int
	}{
		{"/mine 401", "/mine answers: 401\n", 401},
		{"mine 429 2m", "/mine answers: 429 2m\n", 429},
		{"http://" + addr + "/mine?key=1 503", "/mine answers: 503\n", 503},
		{"--listen " + addr + " /mine healthy", "/mine answers: healthy\n", 204},
	} {
		if got := tell(append([]string{"answer"}, strings.Fields(tc.args)...)...); got != tc.says {
			t.Errorf("answer %s: got %q, want %q", tc.args, got, tc.says)
		}
		if status := postLead(t, "http://"+addr+"/mine"); status != tc.status {
			t.Errorf("after answer %s: answered %d, want %d", tc.args, status, tc.status)
		}
	}
	tell("answer", "/other", "hang")
	if got, want := tell("answers"), "PATH    ANSWER\n/mine   healthy\n/other  hang\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got, want := tell("answers", "-o", "json"), `{"path":"/mine","answer":"healthy"}`+"\n"; !strings.HasPrefix(got, want) {
		t.Errorf("as JSON: got %s, want %s first", got, want)
	}
	if got := alone(environ, "dev", "crm", "answer", "/"+strings.Repeat("a", 600), "401"); got.code != exitFailed || !strings.Contains(got.errs, "500 bytes") {
		t.Errorf("a long path: got exit code %d, want 1 and why:\n%s", got.code, got.errs)
	}
	i.end(os.Interrupt)
	got := alone(environ, "dev", "crm", "answers")
	if got.code != exitFailed || !containsAll(got.errs, addr, "leadhook dev", "--listen") {
		t.Errorf("when it has ended: got exit code %d, want 1 and what to do:\n%s", got.code, got.errs)
	}
}
