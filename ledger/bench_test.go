package ledger_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/ledger"
)

// BenchmarkLedger is a claim, which is also a look-up, and a mark for each delivery,
// 512 deliveries at the same time. CPU of this process alone is what counts: with a Redis that
// LEADHOOK_TEST_REDIS names, that of Redis is not in it.
func BenchmarkLedger(b *testing.B) {
	for name, id := range map[string]func(n int) string{
		"rising": strconv.Itoa,
		"random": func(int) string { return strconv.Itoa(rand.IntN(1e9)) },
	} {
		b.Run(name, func(b *testing.B) {
			l := ledger.New(redistest.New(b), ledger.Options{}, prometheus.NewRegistry(), zap.NewNop())
			ctx, cancel := context.WithCancel(b.Context())
			var run sync.WaitGroup
			run.Go(func() { l.Run(ctx) })
			defer func() { cancel(); run.Wait() }()

			type one struct{ lead, delivery string }
			work := make(chan one, 512)
			var workers sync.WaitGroup
			for range 512 {
				workers.Go(func() {
					for d := range work {
						_, _ = l.Claim(ctx, d.lead, d.delivery, lead.MarkDelivered-1) // whatever was marked before
						l.Note(d.lead, d.delivery, lead.MarkDelivered)
					}
				})
			}
			ids := make([]string, 4096)
			for n := range ids {
				ids[n] = delivery(strconv.Itoa(n), "a")
			}
			before, n := cpu(), 0
			for b.Loop() {
				work <- one{id(n), ids[n%len(ids)]}
				n++
			}
			close(work)
			workers.Wait()
			b.ReportMetric(float64(cpu()-before)/float64(n), "cpu-ns/op")
			b.ReportAllocs()
		})
	}
}

// cpu is what this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
