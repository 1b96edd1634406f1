package dispatch

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/lead"
)

// metrics are the counters and histograms on the path of a lead, with their
// labels resolved once: looking a label up costs more than counting.
type metrics struct {
	unreadable, internal, unknownType, unwanted, wanted prometheus.Counter // events

	putOffWebhooks, putOffDead prometheus.Counter // by what they need

	deliveries *prometheus.CounterVec        // by outcome and format
	delivered  map[string]prometheus.Counter // those with the outcome delivered, by format

	attempts      [attempt.Verdicts]prometheus.Counter
	maybeReceived prometheus.Counter
	doubtful      prometheus.Counter
	disabled      *prometheus.CounterVec // webhooks, by reason
	disableSoon   prometheus.Counter
	notBelieved   prometheus.Counter
	newer         prometheus.Counter
	attemptTime   prometheus.Histogram
	turnTime      prometheus.Histogram
	leadAge       prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, l *limiter.Limiter) *metrics {
	auto := promauto.With(reg)
	m := &metrics{
		deliveries: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "leadhook_deliveries_total",
			Help: "Deliveries that were settled here, by outcome and format: delivered; scheduled, deferred or handed_over " +
				"to the retry topics; repeated (settled before); inactive; or the dead letter's reason.",
		}, []string{"outcome", "format"}),
		maybeReceived: auto.NewCounter(prometheus.CounterOpts{
			Name: "leadhook_attempts_maybe_received_total",
			Help: "Failed attempts after which the CRM may have the lead: a later one may make a duplicate there.",
		}),
		doubtful: auto.NewCounter(prometheus.CounterOpts{
			Name: "leadhook_deliveries_doubtful_total",
			Help: "Deliveries with doubt: delivered by a 2xx status, although the answer plainly says failure and the webhook has no rules for it (answers).",
		}),
		attemptTime: auto.NewHistogram(prometheus.HistogramOpts{
			Name:    "leadhook_attempt_seconds",
			Help:    "Duration of an attempt, from the start of the request to the end of the answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15, 30},
		}),
		turnTime: auto.NewHistogram(prometheus.HistogramOpts{
			Name:    "leadhook_turn_wait_seconds",
			Help:    "How long a delivery waited for its turn, until its attempt began or it was deferred.",
			Buckets: []float64{.0001, .001, .01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}),
		leadAge: auto.NewHistogram(prometheus.HistogramOpts{
			Name:    "leadhook_lead_age_seconds",
			Help:    "Age of a lead when it was delivered, from its publication to Kafka.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60, 300, 1800, 7200, 43200, 86400, 259200},
		}),
	}
	m.disabled = auto.NewCounterVec(prometheus.CounterOpts{
		Name: "leadhook_webhooks_disabled_total",
		Help: "Webhooks that this instance disabled, by reason: gone (410), or exhausted (it failed continually).",
	}, []string{"reason"})
	m.disableSoon = auto.NewCounter(prometheus.CounterOpts{
		Name: "leadhook_webhooks_disable_warnings_total",
		Help: "Warnings that a webhook will be disabled within a day.",
	})
	m.newer = auto.NewCounter(prometheus.CounterOpts{
		Name: "leadhook_records_of_later_versions_total",
		Help: "Records of retry topics that only a later version of leadhook can read, each time that they were put back for it.",
	})
	m.notBelieved = auto.NewCounter(prometheus.CounterOpts{
		Name: "leadhook_waits_not_believed_total",
		Help: "Deliveries that came from a retry topic and were put off until after they expire: a clock was wrong, and they were attempted at once.",
	})
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "leadhook_attempts_in_flight",
		Help: "Attempts in flight.",
	}, func() float64 { return float64(l.InFlight()) })
	if reg != nil {
		reg.MustRegister(limits{l})
	}
	m.resolveEvents(auto)
	m.resolveDeliveries()
	m.resolveAttempts(auto)
	return m
}

func (m *metrics) resolveEvents(auto promauto.Factory) {
	events := auto.NewCounterVec(prometheus.CounterOpts{
		Name: "leadhook_events_total",
		Help: "Lead events handled, by outcome: wanted by a webhook, unwanted, unknown_type, unreadable, internal.",
	}, []string{"outcome"})
	m.wanted = events.WithLabelValues("wanted")
	m.unwanted = events.WithLabelValues("unwanted")
	m.unknownType = events.WithLabelValues("unknown_type")
	putOff := auto.NewCounterVec(prometheus.CounterOpts{
		Name: "leadhook_put_off_total",
		Help: "What was put off to the retry topics since a part of what it needs is away, by what that is: webhooks (in Redis), dead_letters.",
	}, []string{"needs"})
	m.putOffWebhooks, m.putOffDead = putOff.WithLabelValues("webhooks"), putOff.WithLabelValues("dead_letters")
	m.unreadable = events.WithLabelValues("unreadable")
	m.internal = events.WithLabelValues("internal")
}

func (m *metrics) resolveDeliveries() {
	m.delivered = map[string]prometheus.Counter{}
	for _, format := range []string{string(lead.JSON), string(lead.ADF), unknownFormat} {
		m.delivered[format] = m.deliveries.WithLabelValues("delivered", format)
	}
}

func (m *metrics) resolveAttempts(auto promauto.Factory) {
	attempts := auto.NewCounterVec(prometheus.CounterOpts{
		Name: "leadhook_attempts_total",
		Help: "Attempts by outcome: delivered, transient, needs_human, gone, refused.",
	}, []string{"outcome"})
	for v := attempt.Delivered; v <= attempt.Refused; v++ {
		m.attempts[v] = attempts.WithLabelValues(v.String())
	}
}

// unknownFormat stands for the format of a damaged webhook.
const unknownFormat = "unknown"

// formatLabel returns the label for a webhook's format. A damaged webhook's may be
// anything, which must not become a label.
func formatLabel(hook *lead.Webhook) string {
	if hook.Format == lead.JSON || hook.Format == lead.ADF {
		return string(hook.Format)
	}
	return unknownFormat
}

// ended counts a delivery with any other outcome than delivered.
func (m *metrics) ended(outcome string, hook *lead.Webhook) {
	m.deliveries.WithLabelValues(outcome, formatLabel(hook)).Inc()
}

// attempt counts one attempt that has ended.
func (m *metrics) attempt(o *attempt.Outcome) {
	m.attemptTime.Observe(o.Took.Seconds())
	m.attempts[o.Verdict].Inc()
	if o.Evidence == lead.MaybeReceived {
		m.maybeReceived.Inc()
	}
	if o.Doubt {
		m.doubtful.Inc()
	}
}
