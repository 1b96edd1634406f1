package consumer

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	generations  prometheus.Counter
	commits      prometheus.Counter
	commitErrors prometheus.Counter
	recordsLost  prometheus.Counter
	logRewound   prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, health *health, budgets ...*budget) *metrics {
	auto := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return auto.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "leadhook_open_bytes",
		Help: "Bytes of the messages that are fetched and not settled.",
	}, func() float64 {
		open := int64(0)
		for _, b := range budgets {
			open += b.open()
		}
		return float64(open)
	})
	reg.MustRegister(partitionGauges{health})
	return &metrics{
		generations:  counter("leadhook_group_generations_total", "Generations of the consumer group in which this instance took part."),
		commits:      counter("leadhook_commits_total", "Offset commits that succeeded."),
		commitErrors: counter("leadhook_commit_errors_total", "Offset commits that failed."),
		recordsLost:  counter("leadhook_records_lost_total", "Records that retention removed before they were read."),
		logRewound:   counter("leadhook_log_rewound_total", "Partitions whose log was not the one that was read: recreated, or without its end."),
	}
}

// partitionGauges collects the state of the partitions only when it is asked for,
// so that a message updates no metrics.
type partitionGauges struct{ health *health }

var (
	partitionLabels = []string{"topic", "partition"}
	lagDesc         = prometheus.NewDesc("leadhook_partition_lag_records",
		"Records of the partition from the first that is not settled to its end.", partitionLabels, nil)
	openDesc = prometheus.NewDesc("leadhook_partition_open_bytes",
		"Bytes of the partition's messages that are fetched and not settled.", partitionLabels, nil)
	oldestDesc = prometheus.NewDesc("leadhook_partition_oldest_open_seconds",
		"How long the oldest open message has held up the partition's commits.", partitionLabels, nil)
)

var notReadDesc = prometheus.NewDesc("leadhook_partition_not_read_seconds",
	"For how long a partition that is assigned to this instance has not been read; only of those that are not.", partitionLabels, nil)

// Describe implements prometheus.Collector.
func (g partitionGauges) Describe(descs chan<- *prometheus.Desc) {
	descs <- lagDesc
	descs <- openDesc
	descs <- oldestDesc
	descs <- notReadDesc
}

// Collect implements prometheus.Collector.
func (g partitionGauges) Collect(metrics chan<- prometheus.Metric) {
	g.health.mu.Lock()
	defer g.health.mu.Unlock()
	for _, p := range g.health.partitions {
		labels := []string{p.topic, strconv.Itoa(p.number)}
		gauge := func(desc *prometheus.Desc, value float64) {
			metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
		}
		gauge(lagDesc, float64(max(0, p.end.Load()-p.window.committable())))
		gauge(openDesc, float64(p.openBytes.Load()))
		gauge(oldestDesc, p.age().Seconds())
		if p.held.Load() {
			gauge(notReadDesc, time.Since(p.heldFrom()).Seconds())
		}
	}
	for a, s := range g.health.standing {
		metrics <- prometheus.MustNewConstMetric(notReadDesc, prometheus.GaugeValue, time.Since(s.since).Seconds(),
			a.topic, strconv.Itoa(a.number))
	}
}
