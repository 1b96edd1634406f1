package retryqueue

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	scheduled *prometheus.CounterVec // by topic
	forwarded prometheus.Counter
}

// newMetrics registers the metrics with r, or nowhere if r is nil.
func newMetrics(r prometheus.Registerer) *metrics {
	auto := promauto.With(r)
	return &metrics{
		scheduled: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "leadhook_retry_queue_scheduled_total",
			Help: "Deliveries that began to wait in a retry topic, by topic.",
		}, []string{"topic"}),
		forwarded: auto.NewCounter(prometheus.CounterOpts{
			Name: "leadhook_retry_queue_forwarded_total",
			Help: "Deliveries that were forwarded to a further retry topic, since their wait was not over.",
		}),
	}
}
