//go:build real

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/samplelead"
	"github.com/leadhook/leadhook/lead"
)

// BenchmarkTheWholeWay is what a lead costs the service, everything on: read
// from Kafka, looked up, marked, POSTed, committed, beside loops of an
// [http.Client] that do nothing but make the same request, with a deadline as
// every client needs one: one loop with few in flight and one with as many as
// the service has. Each is a process of its own, whose CPU counts alone, and
// they run in turns.
func BenchmarkTheWholeWay(b *testing.B) {
	const leads, advertisers, few, asMany = 150_000, 1000, 64, 512
	var service, took, bare, crowded time.Duration
	for b.Loop() {
		s, t := wholeWay(b, leads, advertisers)
		service += s
		took += t
		bare += barePosts(b, leads, few)
		crowded += barePosts(b, leads, asMany)
	}
	n := float64(b.N * leads)
	b.ReportMetric(float64(service.Microseconds())/n, "cpu-us/lead")
	b.ReportMetric(float64(bare.Microseconds())/n, "bare-cpu-us/lead")
	b.ReportMetric(float64(crowded.Microseconds())/n, "bare-512-cpu-us/lead")
	b.ReportMetric(float64(service)/float64(bare), "times-bare")
	b.ReportMetric(float64(service)/float64(crowded), "times-bare-512")
	b.ReportMetric(n/took.Seconds(), "leads/s")
}

// wholeWay is what an instance needs for leads that are all there already. It is
// asked what that was once the CRM has them: to ask costs it as much as some
// leads do.
func wholeWay(b *testing.B, leads, advertisers int) (cpu, took time.Duration) {
	crm, has := startSink(b, leads)
	r := newRig(b, setup{partitions: 12, crm: crm})
	r.seed(r.spread(advertisers)...)
	r.must("", r.publishSpread(leads, advertisers)...)
	began := time.Now()
	i := r.spawn(strings.Fields(os.Getenv("E2E_ENVIRON"))...)
	i.ready()
	select {
	case <-has:
	case <-time.After(2 * time.Minute):
		b.Fatal("the CRM does not have all leads after two minutes")
	}
	took = time.Since(began)
	until(b, time.Minute, "all leads are delivered", func() bool {
		return i.metric(`leadhook_deliveries_total{format="json",outcome="delivered"}`) == float64(leads)
	})
	seconds := i.metric("process_cpu_seconds_total")
	if parked := r.parked(); parked > 0 {
		b.Errorf("%d leads went to the retry topics, want none: the CRM is well", parked)
	}
	i.stop()
	return time.Duration(seconds * float64(time.Second)), took
}

// barePosts is what as many POSTs need that nothing is done for.
func barePosts(b *testing.B, posts, inFlight int) time.Duration {
	crm, _ := startSink(b, posts)
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %d", beBare, crm, posts, inFlight))
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// beBare makes the test binary a loop that POSTs: to a host:port, so often, with
// so many in flight.
// beSink makes it a server that takes whatever comes, and says when it has had
// so many requests.
const beBare, beSink = "E2E_BE_BARE", "E2E_BE_SINK"

func init() { //nolint:gochecknoinits // before the tests, in a process of its own
	switch {
	case os.Getenv(beBare) != "":
		post(os.Getenv(beBare))
		os.Exit(0)
	case os.Getenv(beSink) != "":
		sink(os.Getenv(beSink))
		os.Exit(0)
	}
}

func post(what string) {
	var address string
	var posts, inFlight int64
	if _, err := fmt.Sscan(what, &address, &posts, &inFlight); err != nil {
		panic(err)
	}
	sample, err := samplelead.New(lead.KindForm, lead.NewContact)
	if err != nil {
		panic(err)
	}
	ev, err := lead.Decode(sample("USA_1"))
	if err != nil {
		panic(err)
	}
	body := []byte(`{"lead": ` + string(ev.Lead) + `}`)
	client := &http.Client{
		Transport: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, DisableCompression: true},
		Timeout:   15 * time.Second,
	}
	header := http.Header{
		"Accept": {"*/*"}, "Content-Type": {"application/json"}, "User-Agent": {"leadhook"},
		"webhook-attempt": {"1"}, "webhook-id": {lead.DeliveryID(ev, "1")},
		"webhook-timestamp": {"1790000000"}, "webhook-trigger": {string(ev.Trigger)},
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range inFlight {
		wg.Go(func() {
			for next.Add(1) <= posts {
				req, err := http.NewRequest(http.MethodPost, "http://"+address+"/lead", bytes.NewReader(body))
				if err != nil {
					panic(err)
				}
				req.Header = header.Clone()
				res, err := client.Do(req)
				if err != nil {
					panic(err)
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
	}
	wg.Wait()
}

// startSink starts a CRM as a process of its own. It returns its address, and
// what is closed when it has taken so many requests.
func startSink(b *testing.B, requests int) (address string, has <-chan struct{}) {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", beSink, requests))
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	if _, err := fmt.Fscanln(out, &address); err != nil {
		b.Fatal(err)
	}
	all := make(chan struct{})
	go func() {
		if _, err := fmt.Fscanln(out, new(int64)); err == nil {
			close(all)
		}
	}()
	return address, all
}

// sink takes whatever comes, and says when it has had so many requests.
func sink(requests string) {
	most, err := strconv.ParseInt(requests, 10, 64)
	if err != nil {
		panic(err)
	}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(server.Addr())
	var had atomic.Int64
	go func() {
		_ = http.Serve(server, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusNoContent)
			if had.Add(1) == most {
				fmt.Println(most)
			}
		}))
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
}
