package webhook

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the cache counts. Each look-up that succeeds is one of hits,
// reads and stale.
type metrics struct {
	hits, reads, stale prometheus.Counter
	waits              prometheus.Counter
	damaged            prometheus.Counter
	announcements      prometheus.Counter
	readSeconds        prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, c *Cache) *metrics {
	lookups := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "leadhook_webhooks_lookups_total",
		Help: "Look-ups of an advertiser's webhooks, by where the answer came from: " +
			"cache, redis, or stale (cached, and Redis could not be asked in time).",
	}, []string{"source"})
	m := &metrics{
		hits:  lookups.WithLabelValues("cache"),
		reads: lookups.WithLabelValues("redis"),
		stale: lookups.WithLabelValues("stale"),
		waits: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "leadhook_webhooks_waits_total",
			Help: "Look-ups that had to wait because Redis was away or not seeded.",
		}),
		damaged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "leadhook_webhooks_damaged_reads_total",
			Help: "Webhooks read from Redis whose record could not be used.",
		}),
		announcements: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "leadhook_webhooks_announcements_total",
			Help: "Announcements of changed webhooks heard.",
		}),
		readSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "leadhook_webhooks_read_seconds",
			Help:    "Duration of a round trip to Redis for webhooks, of one or many advertisers.",
			Buckets: []float64{.0002, .0005, .001, .002, .005, .01, .025, .05, .1, .25, .5, 1, 3},
		}),
	}
	reg.MustRegister(lookups, m.waits, m.damaged, m.announcements, m.readSeconds,
		gauge("leadhook_webhooks_cached_advertisers", "Advertisers in the cache.",
			func() float64 { return float64(c.entries.EstimatedSize()) }),
		gauge("leadhook_webhooks_cached_bytes", "Memory of the cache, estimated.",
			func() float64 { return float64(c.entries.WeightedSize()) }),
		gauge("leadhook_webhooks_redis_up", "Whether all of Redis answers when asked for webhooks.",
			func() float64 { return truth(c.reaches()) }),
		gauge("leadhook_webhooks_seeded", "Whether all of Redis answers and holds seeded webhooks.",
			func() float64 { return truth(c.Ready() == nil) }),
		gauge("leadhook_webhooks_announcements_up", "Whether announcements of changed webhooks are heard.",
			func() float64 { return truth(c.listened.Load().covers(time.Now(), time.Now())) }),
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
