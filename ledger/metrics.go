package ledger

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/leadhook/leadhook/lead"
)

// metrics are what the ledger counts. Each look-up that ends before its context
// is one of unknown, handedOn, delivered and held.
type metrics struct {
	unknown, handedOn, delivered, held prometheus.Counter

	unanswered, unclaimed, written, dropped prometheus.Counter
	readSeconds, writeSeconds               prometheus.Observer
}

func newMetrics(reg prometheus.Registerer, l *Ledger) *metrics {
	lookups := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "leadhook_ledger_lookups_total",
		Help: "Look-ups of how far a delivery got, by result: unknown (nothing is known of it), handed_on, delivered, " +
			"held (another instance may be attempting it).",
	}, []string{"result"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "leadhook_ledger_round_trip_seconds",
		Help:    "Duration of a round trip to Redis for the ledger, of one or many deliveries, by operation: read, write.",
		Buckets: []float64{.0002, .0005, .001, .002, .005, .01, .025, .05, .1, .25, .5, 1},
	}, []string{"operation"})
	m := &metrics{
		unknown:   lookups.WithLabelValues("unknown"),
		handedOn:  lookups.WithLabelValues("handed_on"),
		delivered: lookups.WithLabelValues("delivered"),
		held:      lookups.WithLabelValues("held"),
		unclaimed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "leadhook_ledger_unclaimed_total",
			Help: "Deliveries that were attempted without a claim, since Redis did not take it: another instance may attempt them at the same time.",
		}),
		unanswered: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "leadhook_ledger_unanswered_total",
			Help: "Look-ups that Redis did not answer: the delivery may be made twice.",
		}),
		written: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "leadhook_ledger_marks_written_total",
			Help: "Marks of how far a delivery got that were written to Redis.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "leadhook_ledger_dropped_total",
			Help: "Marks dropped because too many waited for Redis: those deliveries may be made twice.",
		}),
		readSeconds:  seconds.WithLabelValues("read"),
		writeSeconds: seconds.WithLabelValues("write"),
	}
	reg.MustRegister(lookups, seconds, m.unanswered, m.unclaimed, m.written, m.dropped,
		gauge("leadhook_ledger_pending", "Marks that are not in Redis yet.",
			func() float64 { return float64(l.marks.len()) }),
		gauge("leadhook_ledger_up", "Whether Redis answers the ledger's look-ups and takes its writes, as far as is known.",
			func() float64 {
				if l.health.cause() != nil || l.refusal() != nil {
					return 0
				}
				return 1
			}),
	)
	return m
}

func gauge(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
}

// counted counts a look-up and returns its mark.
func (m *metrics) counted(mark lead.Mark, answered bool) lead.Mark {
	switch mark {
	case 0:
		m.unknown.Inc()
	case lead.MarkDelivered:
		m.delivered.Inc()
	default:
		m.handedOn.Inc()
	}
	if !answered {
		m.unanswered.Inc()
	}
	return mark
}
