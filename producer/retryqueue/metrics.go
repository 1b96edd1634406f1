package retryqueue

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	scheduled *prometheus.CounterVec // by topic
	forwarded prometheus.Counter
	away      *prometheus.CounterVec // by topic
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
		away: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "leadhook_retry_queue_away_total",
			Help: "Deliveries that could not wait in the retry topic that fits best, since its partition takes no records, by that topic.",
		}, []string{"topic"}),
	}
}
