package dispatch_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/lead"
)

// inFlight is how many posts run side by side for each CPU.
const inFlight = 64

// BenchmarkDeliver handles events for one webhook. Its cpu-us/op, beside that
// of BenchmarkBareHTTP, is what leadhook adds to a POST.
func BenchmarkDeliver(b *testing.B) {
	address := benchCRM(b)
	all := make(hooksOf, 64)
	for i := range all {
		hook := benchWebhook(address)
		hook.ID = strconv.Itoa(i)
		all[i] = hooks{hook}
	}
	d := benchDispatcher(b, address, all)
	var last atomic.Int64
	measure(b, func() error { return d.Handle(context.Background(), benchMessage(last.Add(1)), func(int) {}) })
}

// BenchmarkBareHTTP does nothing but POST, with the same body, and net/http set
// as an attempt has it.
func BenchmarkBareHTTP(b *testing.B) {
	address := benchCRM(b)
	most := benchOptions(address).Attempt.MaxInFlight
	transport := &http.Transport{DisableCompression: true, MaxIdleConns: 2 * most, MaxIdleConnsPerHost: most}
	b.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, Timeout: 15 * time.Second}
	ev, err := lead.Decode(benchMessage(1).Value)
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(`{"lead": ` + string(ev.Lead) + `}`)
	measure(b, func() error {
		answer, err := client.Post("http://"+address+"/hook", "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		return answer.Body.Close()
	})
}

func measure(b *testing.B, post func() error) {
	b.SetParallelism(inFlight)
	b.ReportAllocs()
	before := cpuTime()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := post(); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// cpuTime is what this process has used so far.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// forgetful is a ledger that costs nothing; what a real one does is measured in
// its own package.
type forgetful struct{}

func (forgetful) Reached(context.Context, string, string) (lead.Mark, error) { return 0, nil }
func (forgetful) ReachedAll(_ context.Context, _ string, deliveries []string) ([]lead.Mark, error) {
	return make([]lead.Mark, len(deliveries)), nil
}
func (forgetful) Claim(context.Context, string, string, lead.Mark) (lead.Claim, error) {
	return lead.Claim{}, nil
}
func (forgetful) Release(string, string, uint64) {}
func (forgetful) Note(string, string, lead.Mark) {}

func benchDispatcher(b *testing.B, address string, webhooks dispatch.Webhooks) *dispatch.Dispatcher {
	b.Helper()
	d := dispatch.New(benchOptions(address), dispatch.Parts{Webhooks: webhooks, HealthRecords: newStanding(),
		Ledger: forgetful{}, RetryQueue: &wheel{}, DeadLetters: &letters{}}, nil, nop)
	b.Cleanup(d.Close)
	return d
}

func benchOptions(address string) dispatch.Options {
	opts := options(address)
	opts.Attempt.MaxInFlight = 1024
	return opts
}

func benchWebhook(address string) *lead.Webhook {
	hook := webhook("84+TEST_1", "http://"+address+"/hook")
	hook.Authorization = "token jokin"
	return hook
}

// hooksOf has a webhook for each of so many advertisers.
type hooksOf []hooks

func (h hooksOf) For(_ context.Context, advertiser string, _ time.Time) ([]*lead.Webhook, error) {
	n, err := strconv.Atoi(advertiser)
	if err != nil {
		return nil, err
	}
	return h[n%len(h)], nil
}

func benchMessage(n int64) *lead.Message {
	m := message(`{"id":` + strconv.FormatInt(n, 10) + `,"event_type":"form","form":{"message":"` + strings.Repeat("Is it still there? ", 40) + `"}}`)
	m.Value = bytes.Replace(m.Value, []byte("USA_1"), strconv.AppendInt(nil, n, 10), 1)
	return m
}

// benchCRM runs a CRM in a process of its own, so that only the client's time
// is measured, and returns its address.
func benchCRM(b *testing.B) string {
	b.Helper()
	crm := exec.Command(os.Args[0], "-test.run=^$")
	crm.Env = append(os.Environ(), "LEADHOOK_BENCH_CRM=1")
	crm.Stderr = os.Stderr
	input, err := crm.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := crm.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := crm.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = input.Close()
		_ = crm.Wait()
	})
	address := make([]byte, 64)
	n, err := output.Read(address)
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(string(address[:n]))
}

// serveBenchCRM is the other side of benchCRM: it serves until its standard
// input ends, which it does when the benchmark's process does.
func serveBenchCRM() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		_ = http.Serve(listener, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
		}))
	}()
	_, _ = io.WriteString(os.Stdout, listener.Addr().String()+"\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}
