package dispatch

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/lead"
)

// limits collects what the limiter does, once for each scrape.
type limits struct{ *limiter.Limiter }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	attemptsByClass = describe("leadhook_attempts_by_class",
		"Attempts in flight, by the class of their webhooks and hosts (prompt; slow, or not known yet) and by age (old from one second on).",
		"class", "age")
	attemptsFree    = describe("leadhook_attempts_free", "Further attempts that could be in flight.")
	attemptsReserve = describe("leadhook_attempts_reserve", "Those of them that only hosts may use that have been prompt for a while.")
	deferralsTotal  = describe("leadhook_deferrals_total",
		"Deliveries that were put off without an attempt, by cause: failing, paused, crowded, waited.", "cause")
	hostAttempts  = describe("leadhook_host_attempts", "Attempts in flight of the ten hosts that have most.", "host")
	hostCeiling   = describe("leadhook_host_attempts_limit", "How many attempts at once these hosts get at present.", "host")
	hostRate      = describe("leadhook_host_rate_limit", "Attempts a second that those of them get which refused more (429).", "host")
	hostsHeldBack = describe("leadhook_hosts_held_back", "Hosts whose deliveries are held back since they are slow.")
	failing       = describe("leadhook_webhooks_failing",
		"Webhooks that are failing, as this instance has seen lately (five attempts in a row, or all over an hour), by why: "+
			"unauthorized, not_found, refused, overloaded, server_error, no_answer, unreachable, not_allowed.", "cause")
)

// Describe is part of [prometheus.Collector].
func (l limits) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		attemptsByClass, attemptsFree, attemptsReserve, deferralsTotal, hostAttempts, hostCeiling, hostRate, hostsHeldBack, failing,
	} {
		to <- d
	}
}

// Collect is part of [prometheus.Collector].
func (l limits) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	now := l.Stats()
	gauge(attemptsByClass, float64(now.Prompt), "prompt", "young")
	gauge(attemptsByClass, float64(now.Slow-now.Old), "slow", "young")
	gauge(attemptsByClass, float64(now.Old), "slow", "old")
	gauge(attemptsFree, float64(now.Free))
	gauge(attemptsReserve, float64(now.Reserve))
	for c := range limiter.Causes {
		to <- prometheus.MustNewConstMetric(deferralsTotal, prometheus.CounterValue, float64(now.Deferred[c]), c.String())
	}
	for _, h := range now.Hosts {
		gauge(hostAttempts, float64(h.Attempts), h.Host)
		gauge(hostCeiling, float64(h.Ceiling), h.Host)
		if h.PerSecond > 0 {
			gauge(hostRate, h.PerSecond, h.Host)
		}
	}
	gauge(hostsHeldBack, float64(now.HostsHeldBack))
	for _, cause := range lead.Causes {
		gauge(failing, float64(now.Failing[cause]), string(cause))
	}
}
