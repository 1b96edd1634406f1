package producer

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// stalledGauges collects what stalls, once for each scrape.
type stalledGauges struct{ *stalls }

var stalledDesc = prometheus.NewDesc("leadhook_publish_stalled_seconds",
	"For how long a partition has not taken a record; only of those that do not.", []string{"topic", "partition"}, nil)

// Describe implements prometheus.Collector.
func (g stalledGauges) Describe(descs chan<- *prometheus.Desc) { descs <- stalledDesc }

// Collect implements prometheus.Collector.
func (g stalledGauges) Collect(metrics chan<- prometheus.Metric) {
	for _, s := range g.list(patience) {
		metrics <- prometheus.MustNewConstMetric(stalledDesc, prometheus.GaugeValue, time.Since(s.since).Seconds(),
			s.at.Topic, strconv.Itoa(s.at.Number))
	}
}

type metrics struct {
	published *prometheus.CounterVec // by topic
	failures  *prometheus.CounterVec // by topic
	seconds   prometheus.Histogram
	waiting   prometheus.Gauge
	buried    *prometheus.CounterVec // by reason
}

// newMetrics registers the metrics with r, or nowhere if r is nil.
func newMetrics(r prometheus.Registerer) *metrics {
	auto := promauto.With(r)
	return &metrics{
		published: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "leadhook_publish_records_total",
			Help: "Records that Kafka has acknowledged, by topic.",
		}, []string{"topic"}),
		failures: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "leadhook_publish_failures_total",
			Help: "Requests to publish records that failed and are retried, by topic.",
		}, []string{"topic"}),
		seconds: auto.NewHistogram(prometheus.HistogramOpts{
			Name:    "leadhook_publish_seconds",
			Help:    "Time until Kafka has acknowledged a record, including all retries.",
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 120},
		}),
		waiting: auto.NewGauge(prometheus.GaugeOpts{
			Name: "leadhook_publish_waiting_records",
			Help: "Records that Kafka has not acknowledged yet.",
		}),
		buried: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "leadhook_dead_letters_total",
			Help: "Dead letters that Kafka has acknowledged, by reason.",
		}, []string{"reason"}),
	}
}
