package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/leadhook/leadhook/internal/admin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves until the test ends, and then wants Serve to end well.
func start(t *testing.T, o admin.Options, checks []admin.Check, g prometheus.Gatherer) (url string) {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	s := admin.New(o, checks, g, zaptest.NewLogger(t))
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve returned %v after a stop, want nil", err)
		}
	})
	return "http://" + s.Addr()
}

func get(t *testing.T, url string) (status int, body string, header http.Header) {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(content), resp.Header
}

func TestReadyzFollowsTheChecks(t *testing.T) {
	var away atomic.Bool
	url := start(t, admin.Options{}, []admin.Check{
		{Name: "kafka", Ready: func() error { return nil }},
		{Name: "redis", Ready: func() error {
			if away.Load() {
				return errors.New("redis:6379 does not answer <i/o timeout>")
			}
			return nil
		}},
	}, prometheus.NewRegistry())

	type check struct {
		Name, Cause string
		Ready       bool
	}
	type state struct {
		Ready  bool
		Checks []check
	}
	for _, c := range []struct {
		away   bool
		status int
		want   state
	}{
		{false, 200, state{true, []check{{"kafka", "", true}, {"redis", "", true}}}},
		{true, 503, state{false, []check{{"kafka", "", true}, {"redis", "redis:6379 does not answer <i/o timeout>", false}}}},
		{false, 200, state{true, []check{{"kafka", "", true}, {"redis", "", true}}}},
	} {
		away.Store(c.away)
		status, body, header := get(t, url+"/readyz")
		var got state
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		if diff := cmp.Diff(c.want, got); status != c.status || diff != "" {
			t.Errorf("redis away %v: got status %d, want %d; (-want +got):\n%s", c.away, status, c.status, diff)
		}
		if c.away && !strings.Contains(body, "does not answer <i/o timeout>") {
			t.Errorf("a person cannot read the cause in %s", body)
		}
		if got := header.Get("Content-Type"); got != "application/json" {
			t.Errorf("Content-Type is %s, want application/json", got)
		}
	}
}

func TestOfManyNotesTenAreShown(t *testing.T) {
	notes := func() []string { return strings.Split(strings.Repeat("a note,", 30)+"the last", ",") }
	url := start(t, admin.Options{}, []admin.Check{{Name: "kafka", Ready: func() error { return nil }, Notes: notes}}, prometheus.NewRegistry())
	status, body, _ := get(t, url+"/readyz")
	if n := strings.Count(body, "a note"); status != http.StatusOK || n != 10 || !strings.Contains(body, "and 21 more") {
		t.Errorf("%d with %d notes, want 200 with ten, and how many more there are:\n%s", status, n, body)
	}
}

func TestHealthzDoesNotAskTheChecks(t *testing.T) {
	url := start(t, admin.Options{}, []admin.Check{{Name: "kafka", Ready: func() error {
		return errors.New("away")
	}}}, prometheus.NewRegistry())
	if status, body, _ := get(t, url+"/healthz"); status != 200 || body != "ok\n" {
		t.Errorf("got %d %q, want 200 and ok", status, body)
	}
}

func TestMetricsHaveTheBuildAndTheRest(t *testing.T) {
	r := prometheus.NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "leadhook_events_total", Help: "h"})
	r.MustRegister(c)
	c.Add(3)
	url := start(t, admin.Options{Version: "1.2.3"}, nil, r)
	status, body, _ := get(t, url+"/metrics")
	for _, want := range []string{
		`leadhook_build_info{go_version="` + runtime.Version() + `",version="1.2.3"} 1`,
		"leadhook_events_total 3",
	} {
		if status != 200 || !strings.Contains(body, want) {
			t.Errorf("status %d, want 200 and %s in\n%s", status, want, body)
		}
	}
}

// broken is a metric that cannot be gathered.
type broken struct{}

func (broken) Describe(chan<- *prometheus.Desc) {}

func (broken) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(prometheus.NewDesc("leadhook_broken", "h", nil, nil), errors.New("broken"))
}

func TestBrokenMetricDoesNotHideTheOthers(t *testing.T) {
	r := prometheus.NewRegistry()
	r.MustRegister(broken{})
	url := start(t, admin.Options{Version: "1"}, nil, r)
	if status, body, _ := get(t, url+"/metrics"); status != 200 || !strings.Contains(body, "leadhook_build_info") {
		t.Errorf("got %d\n%s\nwant 200 and leadhook_build_info", status, body)
	}
}

func TestProfilesOnlyWhenSwitchedOn(t *testing.T) {
	for on, want := range map[bool]int{true: 200, false: 404} {
		url := start(t, admin.Options{PProf: on}, nil, prometheus.NewRegistry())
		for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/profile?seconds=1"} {
			if status, _, _ := get(t, url+path); status != want {
				t.Errorf("profiles %v: %s answers %d, want %d", on, path, status, want)
			}
		}
		if _, page, _ := get(t, url); strings.Contains(page, "pprof") != on {
			t.Errorf("profiles %v, and the index is\n%s", on, page)
		}
	}
}

func TestIndexNamesThePages(t *testing.T) {
	url := start(t, admin.Options{}, nil, prometheus.NewRegistry())
	status, page, header := get(t, url+"/")
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if !strings.Contains(page, `href="`+path+`"`) {
			t.Errorf("the index has no link to %s:\n%s", path, page)
		}
	}
	if got := header.Get("Content-Type"); status != 200 || got != "text/html; charset=utf-8" {
		t.Errorf("got %d and %s, want 200 and HTML", status, got)
	}
	if status, _, _ := get(t, url+"/other"); status != 404 {
		t.Errorf("/other answers %d, want 404", status)
	}
}

func TestTakenPortNamesTheSetting(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	err = admin.New(admin.Options{Listen: address}, nil, prometheus.NewRegistry(), zaptest.NewLogger(t)).Listen()
	for _, want := range []string{address, "in use", "admin.listen", "LEADHOOK_ADMIN_LISTEN"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that names %s", err, want)
		}
	}
}

func TestAddressThatIsNotOursNamesTheSetting(t *testing.T) {
	// 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
	s := admin.New(admin.Options{Listen: "192.0.2.1:0"}, nil, prometheus.NewRegistry(), zaptest.NewLogger(t))
	if err := s.Listen(); err == nil || !strings.Contains(err.Error(), "admin.listen") {
		t.Errorf("got %v, want an error that names admin.listen", err)
	}
}

func TestWithoutListenerServeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := admin.New(admin.Options{}, nil, prometheus.NewRegistry(), zaptest.NewLogger(t))
		if err := s.Listen(); err != nil || s.Addr() != "" {
			t.Fatalf("got %q, %v, want no listener", s.Addr(), err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ctx) }()
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("Serve ended before its context: %v", err)
		default:
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve returned %v, want nil", err)
		}
	})
}

func TestStopLetsAnAnswerEnd(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	s := admin.New(admin.Options{Listen: "127.0.0.1:0"}, []admin.Check{{Name: "slow", Ready: func() error {
		close(asked)
		<-answer
		return nil
	}}}, prometheus.NewRegistry(), zaptest.NewLogger(t))
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	go func() {
		<-asked
		stop()
		for listens(s.Addr()) {
			continue // until it takes no new request
		}
		close(answer)
	}()
	if status, _, _ := get(t, "http://"+s.Addr()+"/readyz"); status != 200 {
		t.Errorf("the request under way got %d, want 200", status)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve returned %v, want nil", err)
	}
}

func TestStopBeforeServeClosesTheListener(t *testing.T) {
	s := admin.New(admin.Options{Listen: "127.0.0.1:0"}, nil, prometheus.NewRegistry(), zaptest.NewLogger(t))
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := s.Serve(ctx); err != nil {
		t.Errorf("Serve after its context has ended returned %v, want nil", err)
	}
	if listens(s.Addr()) {
		t.Error("something still listens after Serve has returned")
	}
}

func listens(address string) bool {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}
