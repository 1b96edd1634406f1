package webhook

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the cache counts. Each look-up that succeeds is one of hits and reads.
type metrics struct {
	hits, reads prometheus.Counter
	waits       prometheus.Counter
	damaged     prometheus.Counter
	changes     prometheus.Counter
	readSeconds prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, c *Cache) *metrics {
	lookups := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "leadhook_webhooks_lookups_total",
		Help: "Look-ups of an advertiser's webhooks, by where the answer came from: cache or redis.",
	}, []string{"source"})
	m := &metrics{
		hits:  lookups.WithLabelValues("cache"),
		reads: lookups.WithLabelValues("redis"),
		waits: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "leadhook_webhooks_waits_total",
			Help: "Look-ups that had to wait because Redis was away, or behind the topic of webhooks.",
		}),
		damaged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "leadhook_webhooks_damaged_reads_total",
			Help: "Webhooks read from Redis whose record could not be used.",
		}),
		changes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "leadhook_webhooks_changes_total",
			Help: "Changed lists of webhooks seen in the topic of webhooks.",
		}),
		readSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "leadhook_webhooks_read_seconds",
			Help:    "Duration of a round trip to Redis for webhooks, of one or many advertisers.",
			Buckets: []float64{.0002, .0005, .001, .002, .005, .01, .025, .05, .1, .25, .5, 1, 3},
		}),
	}
	reg.MustRegister(lookups, m.waits, m.damaged, m.changes, m.readSeconds,
		gauge("leadhook_webhooks_cached_advertisers", "Advertisers in the cache.",
			func() float64 { return float64(c.entries.EstimatedSize()) }),
		gauge("leadhook_webhooks_cached_bytes", "Memory of the cache, estimated.",
			func() float64 { return float64(c.entries.WeightedSize()) }),
		gauge("leadhook_webhooks_redis_up", "Whether all of Redis answers when asked for webhooks.",
			func() float64 { return truth(c.reads() == nil) }),
		gauge("leadhook_webhooks_redis_unreadable_seconds", "For how long a share of the webhooks in Redis has not been readable, of several the longest; zero: all are.",
			c.longestUnreadable),
		gauge("leadhook_webhooks_topic_up", "Whether the topic of webhooks is followed: without it, all leads wait.",
			func() float64 { return truth(c.follower.Ready() == nil) }),
	)
	return m
}

func gauge(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
