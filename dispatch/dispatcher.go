// Package dispatch takes a lead event from its bytes to its end: it decodes the
// event, finds the webhooks that want it, and for each of them waits until an
// attempt may begin (package limiter), makes the attempt (package attempt),
// retries within seconds where that helps, and hands what was not delivered to
// the retry queue or to the dead letters.
//
// The way of a delivery is in delivery.go, and what follows from an attempt in
// result.go and settle.go.
//
// It does not know Kafka or Redis: where events come from, and where webhooks,
// marks, waiting deliveries and dead letters are kept. It declares interfaces for
// those. Package formats decides what a body looks like; package attempt decides
// what goes over the wire, and what an answer means.
package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/dispatch/limiter"
	"github.com/leadhook/leadhook/lead"
)

// Webhooks finds the webhooks of an advertiser, in no particular order, with every change
// in them that was acknowledged before since. If the record of all of them cannot be
// used, there is one without an id that has Damaged set. For blocks while they cannot be
// looked up; its error is that of ctx, or [lead.ErrAway] if the event has to wait elsewhere.
type Webhooks interface {
	For(ctx context.Context, advertiser string, since time.Time) ([]*lead.Webhook, error)
}

// DeadLetters keeps dead letters. Bury returns nil once the letter is safe,
// and blocks until then; its error is that of ctx, or [lead.ErrAway] if the letter has to
// wait elsewhere. It must not change or keep the letter's message.
type DeadLetters interface {
	Bury(ctx context.Context, letter *lead.DeadLetter) error
}

// RetryQueue keeps deliveries until their next attempt is due. Schedule and
// Forward return nil once the delivery is safe, and block until then; their
// error is that of ctx. Forward is for a delivery that came back too early. Read
// reads what they wrote; it returns nil for every other message. IsNewer reports whether a
// later version wrote the message in a format that this one cannot read; PutBack keeps it
// there, as it is.
type RetryQueue interface {
	Schedule(ctx context.Context, w *lead.Waiting) error
	Forward(ctx context.Context, w *lead.Waiting) error
	Read(m *lead.Message) *lead.Waiting
	IsNewer(m *lead.Message) bool
	PutBack(ctx context.Context, m *lead.Message) error
}

// Ledger remembers how far each delivery got. Reached returns the zero Mark for a
// delivery that it does not know, and blocks until it has found out; its error is
// that of ctx. ReachedAll is Reached for several deliveries of one lead, and returns
// their marks in the same order. Claim is Reached for a delivery whose record has the
// mark own, and which is to be attempted: it keeps other instances from attempting it.
// Release ends a claim. Note and Release do not block.
type Ledger interface {
	Reached(ctx context.Context, leadID, delivery string) (lead.Mark, error)
	ReachedAll(ctx context.Context, leadID string, deliveries []string) ([]lead.Mark, error)
	Claim(ctx context.Context, leadID, delivery string, own lead.Mark) (lead.Claim, error)
	Release(leadID, delivery string, number uint64)
	Note(leadID, delivery string, m lead.Mark)
}

// HealthRecords keeps the health of each webhook, for all instances. A record is
// about one version of the webhook: the methods do nothing if the stored webhook
// has another version by now. Disable reports whether it disabled the webhook.
type HealthRecords interface {
	Disable(ctx context.Context, hook *lead.Webhook, d lead.Disabled) (done bool, err error)
	NoteFailing(ctx context.Context, hook *lead.Webhook, f lead.Failing, last lead.Failure) error
	NoteRecovered(ctx context.Context, hook *lead.Webhook) error
	NoteDoubt(ctx context.Context, hook *lead.Webhook, deliveries int, last time.Time) error
}

// Parts is what a [Dispatcher] works with. All are required.
type Parts struct {
	Webhooks      Webhooks
	HealthRecords HealthRecords
	Ledger        Ledger
	RetryQueue    RetryQueue
	DeadLetters   DeadLetters
}

// Options are the settings of a [Dispatcher]. The zero value of a field means
// the default that is named with it.
type Options struct {
	Attempt attempt.Options // its MaxInFlight is that over all webhooks

	// OpenEvents and OpenBytes are how much the caller handles at once. What waits
	// for CRMs that do not answer promptly is together about a quarter of it at most,
	// not counting attempts in flight. 2,000 and 64 MiB.
	OpenEvents, OpenBytes int

	// HostLimits has what is known of hosts, by [attempt.Origin]; nil: of none.
	HostLimits map[string]HostLimit

	// Schedule has the waits after failed attempts; nil means [DefaultSchedule].
	Schedule []time.Duration

	// Expire is how long after its first attempt or deferral a delivery ends; 72 h.
	Expire time.Duration

	// ClockBelieved reports whether this machine's clock can be believed. While it
	// cannot, no delivery expires, and no webhook is disabled for failing long. nil:
	// always.
	ClockBelieved func() bool

	// LookAgainAfter is how old a claim in the ledger may be when the attempt begins: a
	// process that was suspended and resumed may have lost its partitions meanwhile, and
	// others may have delivered its leads, or be about to. After a longer suspension,
	// attempts that would begin at once are deferred. It should be a third of the group's
	// session time-out; 3 s.
	LookAgainAfter time.Duration

	QuickAttempts int           // attempts within seconds, including the first one; 3
	QuickWait     time.Duration // approximate wait between the first two, doubled for each further one; 500 ms

	MaxEventBytes int    // a larger event is a dead letter; 1 MiB
	Provider      string // the lead source that ADF names if the webhook does not; "leadhook"
}

// A HostLimit is what a host takes from this process.
type HostLimit = limiter.HostLimit

// claimMargin is how long a claim lasts beyond the end of its attempt, for clocks that do
// not run alike.
const claimMargin = time.Second

// ClaimFor returns how long a claim in the ledger must last: until an attempt that begins
// as late as it may must have ended.
func (o Options) ClaimFor() time.Duration {
	o = o.withDefaults()
	return o.LookAgainAfter + o.Attempt.Timeout + claimMargin
}

func (o Options) withDefaults() Options {
	o.Attempt = o.Attempt.WithDefaults()
	o.OpenEvents = cmp.Or(o.OpenEvents, 2000)
	o.OpenBytes = cmp.Or(o.OpenBytes, 64<<20)
	o.Expire = cmp.Or(o.Expire, 72*time.Hour)
	if o.ClockBelieved == nil {
		o.ClockBelieved = func() bool { return true }
	}
	o.LookAgainAfter = cmp.Or(o.LookAgainAfter, 3*time.Second)
	if o.Schedule == nil {
		o.Schedule = DefaultSchedule()
	}
	o.QuickAttempts = cmp.Or(o.QuickAttempts, 3)
	o.QuickWait = cmp.Or(o.QuickWait, 500*time.Millisecond)
	o.MaxEventBytes = cmp.Or(o.MaxEventBytes, 1<<20)
	o.Provider = cmp.Or(o.Provider, "leadhook")
	return o
}

// A Dispatcher handles lead events. It is safe for concurrent use. Its own
// goroutines outlive a Handle only for connections of net/http (HTTP/2, for
// instance), and for attempts that went on when ctx ended.
type Dispatcher struct {
	opts       Options
	parts      Parts
	client     *attempt.Client
	limiter    *limiter.Limiter
	inProgress *inProgress
	suspend    *suspendDetector
	metrics    *metrics
	log        *zap.Logger

	attempts sync.WaitGroup // that are in flight
}

// New returns a Dispatcher, which the caller must close. It registers its metrics
// with reg, which therefore takes one Dispatcher only; with a nil reg they are
// registered nowhere.
func New(opts Options, parts Parts, reg prometheus.Registerer, log *zap.Logger) *Dispatcher {
	opts = opts.withDefaults()
	d := &Dispatcher{
		opts:   opts,
		parts:  parts,
		client: attempt.NewClient(opts.Attempt),
		limiter: limiter.New(limiter.Options{
			MaxInFlight: opts.Attempt.MaxInFlight, OpenEvents: opts.OpenEvents, OpenBytes: opts.OpenBytes,
			HostLimits: opts.HostLimits,
			HeldBack:   func(host string, began bool) { logHeldBack(log, host, began) },
		}),
		inProgress: newInProgress(),
		suspend:    newSuspendDetector(opts.LookAgainAfter),
		log:        log,
	}
	d.metrics = newMetrics(reg, d.limiter)
	return d
}

// Close waits for the attempts in flight, for at most as long as an attempt may
// take, and closes the idle connections. Call it when no Handle is running, and
// before the ledger is closed.
func (d *Dispatcher) Close() {
	d.attempts.Wait()
	d.suspend.stop()
	d.client.Close()
}

// Handle takes one message, an event or a delivery that has waited, from its bytes
// to its end, and blocks until it is settled: each of its deliveries is made, or
// safe in the [RetryQueue] or as a dead letter, or no webhook wants the event.
// Then it returns nil.
//
// An error means that ctx ended before it was settled: the message must be read
// again. The end of ctx ends every wait, but no attempt: a delivery that is being
// attempted goes to the RetryQueue within some seconds, due when the attempt must
// have ended. If the CRM accepts it meanwhile, that is noted in the [Ledger].
//
// Handle calls started when deliveries begin to wait for their webhooks, or need not and
// are claimed, with their number: from then on they wait only for the CRMs. It calls
// started again when some of them have ended, with the number of those that have not.
func (d *Dispatcher) Handle(ctx context.Context, m *lead.Message, started func(deliveries int)) (err error) {
	fetched := time.Now()
	if d.parts.RetryQueue.IsNewer(m) {
		return d.leave(ctx, m)
	}
	in := incoming{started: started}
	d.read(m, &in)
	defer func() {
		if p := recover(); p != nil {
			d.metrics.internal.Inc()
			err = d.buryIncoming(ctx, &in, lead.Internal, d.panicked(p, in.msg))
		}
	}()
	if forwarded, err := d.forward(ctx, &in); forwarded || err != nil {
		return err
	}
	if in.reason != "" && in.history.Delivery == "" {
		return d.buryIncoming(ctx, &in, in.reason, in.history.Error)
	}
	ev, refusal := d.decode(&in)
	if refusal != nil {
		d.metrics.unreadable.Inc()
		in.history.Advertiser = cmp.Or(in.history.Advertiser, refusal.Advertiser)
		return d.buryIncoming(ctx, &in, refusal.Reason, refusal.Text)
	}
	if ev.Kind == lead.KindOther && !in.waited {
		d.metrics.unknownType.Inc()
		return nil
	}
	if in.reason != "" {
		return d.deliver(ctx, in.delivery(ev, nil))
	}
	hooks, err := d.parts.Webhooks.For(ctx, ev.AdvertiserID, fetched)
	if errors.Is(err, lead.ErrAway) {
		return d.putOff(ctx, &in, ev)
	}
	if err != nil {
		return fmt.Errorf("look up the webhooks of advertiser %s: %w", ev.AdvertiserID, err)
	}
	if in.waited {
		return d.deliver(ctx, in.delivery(ev, byID(hooks, in.history.Webhook)))
	}
	return d.deliverAll(ctx, &in, ev, d.wanting(ev, hooks))
}

// WebhooksChanged says that webhooks of an advertiser changed, and that Webhooks finds
// them as they are now. Deliveries that wait for one of them in this process are looked at
// again: they wait for what the webhook is now, or become dead letters if it was removed
// or disabled. It does not block.
func (d *Dispatcher) WebhooksChanged(advertiser string) { d.limiter.Changed(advertiser) }

// HeldBack says which hosts are held back since they are slow: their deliveries wait
// while others do not. It names ten at most, and does not block.
func (d *Dispatcher) HeldBack() []string {
	notes := d.limiter.Stats().HeldBack
	for i, host := range notes {
		notes[i] = host + " is slow; leads for it wait"
	}
	return notes
}

func logHeldBack(log *zap.Logger, host string, began bool) {
	if began {
		log.Warn("host is slow; holding its leads back", zap.String("host", host))
		return
	}
	log.Info("host is no longer slow", zap.String("host", host))
}

// wanting returns the webhooks that want the event, and counts those that would
// want it if they were active.
func (d *Dispatcher) wanting(ev *lead.Event, hooks []*lead.Webhook) []*lead.Webhook {
	wanting := make([]*lead.Webhook, 0, len(hooks))
	for _, hook := range hooks {
		switch hook.Declines(ev) {
		case "":
			wanting = append(wanting, hook)
		case lead.DeclinesInactive:
			d.metrics.ended("inactive", hook)
		case lead.DeclinesUnknownType, lead.DeclinesTrigger, lead.DeclinesLeadType:
		}
	}
	return wanting
}

// deliverAll makes the event's deliveries side by side, so that a slow CRM
// delays none of the others, and returns when all have ended.
func (d *Dispatcher) deliverAll(ctx context.Context, in *incoming, ev *lead.Event, hooks []*lead.Webhook) error {
	if len(hooks) == 0 {
		d.metrics.unwanted.Inc()
		return nil
	}
	d.metrics.wanted.Inc()
	if len(hooks) == 1 {
		return d.deliver(ctx, in.delivery(ev, hooks[0]))
	}
	deliveries := make([]*delivery, len(hooks))
	for i, hook := range hooks {
		deliveries[i] = in.delivery(ev, hook)
	}
	return d.deliverGroup(ctx, deliveries, in.started)
}
