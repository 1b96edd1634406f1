// Package dispatch brings a lead event from its bytes to its end: it decodes
// the event, finds the webhooks that want it, renders a body for each, POSTs
// it, tries again within seconds where that helps, and hands over as a dead
// letter what cannot be delivered.
//
// It knows HTTP, and which answer means what. Where events come from, where
// webhooks are kept and how dead letters are written is for others: it takes
// them as [Webhooks] and [DeadLetters]. What a body looks like is for package
// formats.
package dispatch

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/lead"
)

// Webhooks finds the webhooks of an advertiser, in no particular order. For
// blocks while they cannot be looked up; its error is that of ctx.
type Webhooks interface {
	For(ctx context.Context, advertiser string) ([]*lead.Webhook, error)
}

// DeadLetters keeps dead letters. Bury returns nil once the letter is safe,
// and blocks until then; its error is that of ctx. It must not change or keep
// the letter's message.
type DeadLetters interface {
	Bury(ctx context.Context, letter *lead.DeadLetter) error
}

// Options are the settings of a [Dispatcher]. The zero value of a field means
// the default that is named with it.
type Options struct {
	Timeout        time.Duration // of a whole attempt, name look-up to end of answer; 15 s
	ConnectTimeout time.Duration // to connect, and again for the TLS handshake; 5 s
	MaxInFlight    int           // attempts at the same time, over all webhooks; 512

	QuickAttempts int           // attempts within seconds, the first one counted; 3
	QuickWait     time.Duration // between the first two, about; then twice as long each; 500 ms

	MaxEventBytes int    // a larger event is a dead letter; 1 MiB
	UserAgent     string // "leadhook"
	Provider      string // the lead source that ADF names if the webhook does not; "leadhook"

	Guard GuardOptions

	// Proxy, if set, is what all attempts go through: http, https or socks5.
	// It then resolves the names, and leadhook cannot see where it connects
	// to: URLs are still checked (scheme, port, literal addresses), but names
	// that lead to private addresses are for the proxy to refuse. Nil: no
	// proxy, whatever the environment says.
	Proxy *url.URL

	RootCAs *x509.CertPool // whose certificates are trusted; nil: those of the system
}

func (o Options) withDefaults() Options {
	o.Timeout = cmp.Or(o.Timeout, 15*time.Second)
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, 5*time.Second)
	o.MaxInFlight = cmp.Or(o.MaxInFlight, 512)
	o.QuickAttempts = cmp.Or(o.QuickAttempts, 3)
	o.QuickWait = cmp.Or(o.QuickWait, 500*time.Millisecond)
	o.MaxEventBytes = cmp.Or(o.MaxEventBytes, 1<<20)
	o.UserAgent = cmp.Or(o.UserAgent, "leadhook")
	o.Provider = cmp.Or(o.Provider, "leadhook")
	return o
}

// A Dispatcher handles lead events. It is safe for concurrent use, and has no
// goroutines of its own beside those of its idle connections.
type Dispatcher struct {
	opts     Options
	webhooks Webhooks
	letters  DeadLetters
	sender   *sender
	slots    chan struct{} // holds one value for each attempt in flight
	metrics  *metrics
	log      *zap.Logger
}

// New returns a Dispatcher. It registers its metrics with reg, which therefore
// takes one Dispatcher only; a nil reg keeps them to itself.
func New(opts Options, webhooks Webhooks, letters DeadLetters, reg prometheus.Registerer, log *zap.Logger) *Dispatcher {
	opts = opts.withDefaults()
	slots := make(chan struct{}, opts.MaxInFlight)
	return &Dispatcher{
		opts:     opts,
		webhooks: webhooks,
		letters:  letters,
		sender:   newSender(opts),
		slots:    slots,
		metrics:  newMetrics(reg, func() float64 { return float64(len(slots)) }),
		log:      log,
	}
}

// Close closes the idle connections. Call it when no Handle runs any more.
func (d *Dispatcher) Close() {
	if idle, ok := d.sender.transport.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}

// Handle takes one event through the whole path and blocks until it is
// settled: each delivery that it gave rise to is made, or safe as a dead
// letter, or it is rightly nobody's. Then it returns nil.
//
// An error means not settled, because ctx ended first: the message must be
// read again, and what was delivered already is then delivered twice. The end
// of ctx cuts every wait at once, but no attempt under way: one that delivers
// still counts, and a refusal that is final is still buried, within some
// seconds.
func (d *Dispatcher) Handle(ctx context.Context, m *lead.Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			d.metrics.internal.Inc()
			err = d.bury(ctx, &lead.DeadLetter{
				Message: *m, Reason: lead.Internal,
				History: lead.History{Received: m.Time, Error: d.panicked(p, m)},
			})
		}
	}()
	ev, refusal := d.decode(m)
	if refusal != nil {
		d.metrics.unreadable.Inc()
		return d.bury(ctx, &lead.DeadLetter{
			Message: *m, Reason: refusal.Reason,
			History: lead.History{Received: m.Time, Error: refusal.Text, Advertiser: refusal.Advertiser},
		})
	}
	if ev.Kind == lead.KindOther {
		d.metrics.unknownType.Inc()
		return nil
	}
	hooks, err := d.webhooks.For(ctx, ev.AdvertiserID)
	if err != nil {
		return fmt.Errorf("look up the webhooks of advertiser %s: %w", ev.AdvertiserID, err)
	}
	return d.deliverAll(ctx, m, ev, d.wanting(ev, hooks))
}

func (d *Dispatcher) decode(m *lead.Message) (*lead.Event, *lead.Refusal) {
	if size := len(m.Value); size > d.opts.MaxEventBytes {
		text := fmt.Sprintf("the event has %d bytes, at most %d are allowed", size, d.opts.MaxEventBytes)
		return nil, &lead.Refusal{Reason: lead.TooLarge, Text: text}
	}
	ev, err := lead.Decode(m.Value)
	if refusal, ok := errors.AsType[*lead.Refusal](err); ok {
		return nil, refusal
	}
	if err != nil {
		return nil, &lead.Refusal{Reason: lead.NotJSON, Text: err.Error()}
	}
	ev.Received = m.Time
	return ev, nil
}

// wanting returns the webhooks that want the event, and counts those that
// would if their advertiser had not made them inactive.
func (d *Dispatcher) wanting(ev *lead.Event, hooks []*lead.Webhook) []*lead.Webhook {
	wanting := make([]*lead.Webhook, 0, len(hooks))
	for _, hook := range hooks {
		switch {
		case hook.Wants(ev):
			wanting = append(wanting, hook)
		case !hook.Active && hook.Trigger == ev.Trigger && hook.LeadTypes.Has(ev.Kind):
			d.metrics.ended("inactive", hook)
		}
	}
	return wanting
}

// deliverAll makes the event's deliveries side by side, so that a slow CRM
// delays none of the others, and returns when all have ended.
func (d *Dispatcher) deliverAll(ctx context.Context, m *lead.Message, ev *lead.Event, hooks []*lead.Webhook) error {
	if len(hooks) == 0 {
		d.metrics.unwanted.Inc()
		return nil
	}
	d.metrics.wanted.Inc()
	if len(hooks) == 1 {
		return d.deliver(ctx, m, ev, hooks[0])
	}
	errs := make([]error, len(hooks))
	var wg sync.WaitGroup
	for i, hook := range hooks {
		wg.Go(func() { errs[i] = d.deliver(ctx, m, ev, hook) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
