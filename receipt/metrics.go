package receipt

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The publisher counts the records and the failures of each topic; it knows no receipts.
type metrics struct {
	bytes, lost prometheus.Counter
}

// newMetrics registers the metrics of a Writer with reg, or nowhere if reg is nil.
func newMetrics(reg prometheus.Registerer, w *Writer) *metrics {
	auto := promauto.With(reg)
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "leadhook_receipts_pending_bytes",
		Help: "Receipts that Kafka has not acknowledged yet, in bytes of memory.",
	}, w.pendingBytes)
	return &metrics{
		bytes: auto.NewCounter(prometheus.CounterOpts{
			Name: "leadhook_receipts_bytes_total",
			Help: "Bytes of the receipts that Kafka has acknowledged, before compression.",
		}),
		lost: auto.NewCounter(prometheus.CounterOpts{
			Name: "leadhook_receipts_lost_total",
			Help: "Records whose receipts were given up, since the topic did not take them.",
		}),
	}
}

func (w *Writer) pendingBytes() float64 {
	sum := 0
	for _, p := range w.all() {
		p.mu.Lock()
		sum += p.size()
		p.mu.Unlock()
	}
	return float64(sum)
}
