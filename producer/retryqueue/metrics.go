package retryqueue

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	parked *prometheus.CounterVec // by topic
	hops   prometheus.Counter
}

// newMetrics registers with r, or nowhere if r is nil.
func newMetrics(r prometheus.Registerer) *metrics {
	auto := promauto.With(r)
	return &metrics{
		parked: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "leadhook_wheel_parked_total",
			Help: "Deliveries that began to wait in a retry topic, by topic.",
		}, []string{"topic"}),
		hops: auto.NewCounter(prometheus.CounterOpts{
			Name: "leadhook_wheel_hops_total",
			Help: "Deliveries that were put on into a further retry topic, since their wait was not over.",
		}),
	}
}
