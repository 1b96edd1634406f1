package limiter

import (
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/leadhook/leadhook/lead"
)

const (
	firstLimit  = 4  // attempts at once that a lane begins with
	fewestQueue = 64 // deliveries that any lane may queue

	// breaksAfter is how many attempts must fail in a row until a lane is taken
	// for failing.
	breaksAfter = 5

	// stalls is how long the first of a queue waits, in a lane that has as many
	// attempts under way as it may, until the lane counts as not keeping up.
	stalls = 250 * time.Millisecond

	// soon is how long what is queued may take, at the present pace, and moment
	// how long where lanes that do not keep up have to make room.
	soon, moment = 2 * time.Second, 500 * time.Millisecond

	// A lane that fails is probed so often, in parts of the time that it has
	// been failing, within these bounds.
	probeShare               = 20
	mostProbes, fewestProbes = time.Second, 30 * time.Second

	// A probe costs its delivery one of its waits. Those that have spent some
	// already are taken only when no other came for so long.
	spareSpent = 15 * time.Second
)

// A lane is how fast one webhook's deliveries go: as fast as its CRM takes
// them. All of it is guarded by the mu of Limiter.
type lane struct {
	advertiser string
	version    string // of the webhook whose outcomes it has seen
	host       *host
	used       time.Time

	limit     float64 // attempts at once; follows the CRM
	growing   bool    // it doubles from round to round: nothing has failed yet
	inFlight  int
	held      amount       // what is queued or in flight
	queues    [2][]*Ticket // of fresh and of returning deliveries
	nextQueue int          // the queue that is served next
	waiting   bool
	behind    bool // it does not keep up with what comes

	meter    meter         // of the attempts that were answered well
	latency  time.Duration // of them, the newer the more it counts
	answered time.Time     // when one was, or the first of those in flight began
	slot     time.Time     // the last one that was handed out

	failures  int       // in a row
	openSince time.Time // since when it has been failing; zero: it is not
	probing   bool
	probed    time.Time // when the last probe ended
	paused    time.Time // the CRM asked not to be called before

	failing    lead.Failing // since the last success, over all instances
	noted      time.Time    // when failing was told to the others
	reannounce time.Time    // when to tell them again that it works: they may think that it fails; zero: they do not

	limiter *rate.Limiter // nil: the webhook has no rate of its own
	watch   *time.Timer   // looks after the queues; nil: there are none
	timer   *time.Timer   // pumps when the limiter allows the next one; nil if there is no need
}

func newLane(hook *lead.Webhook, h *host, now time.Time) *lane {
	l := &lane{advertiser: hook.Advertiser, host: h}
	l.reset(hook, now)
	return l
}

// reset forgets what was learnt of another version of the webhook.
func (l *lane) reset(hook *lead.Webhook, now time.Time) {
	l.version, l.failing = hook.Version, hook.Failing
	l.limit, l.growing, l.answered = firstLimit, true, now
	l.failures, l.openSince, l.paused, l.slot = 0, time.Time{}, time.Time{}, time.Time{}
	l.noted, l.reannounce, l.limiter = time.Time{}, time.Time{}, nil
	if hook.Rate != 0 {
		const smooth = 20 // bursts a second
		perSecond := boundedRate(hook.Rate)
		l.limiter = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond/smooth)))
	}
}

// boundedRate returns the nearest rate that a webhook may have. Whoever stores
// webhooks checks that too; here it keeps the arithmetic from overflowing, which
// would stop every webhook and not this one alone.
func boundedRate(perSecond float64) float64 {
	if !(perSecond >= lead.MinRate) { // NaN too
		return lead.MinRate
	}
	return min(perSecond, lead.MaxRate)
}

func (l *lane) queued() int { return len(l.queues[0]) + len(l.queues[1]) }

func (l *lane) idle() bool { return l.inFlight == 0 && l.queued() == 0 }

func (l *lane) open() bool { return !l.openSince.IsZero() && !isolationOff }

// room is how many more attempts the CRM may get now, most being the most that
// any lane may have.
func (l *lane) room(now time.Time, most int) int {
	if isolationOff {
		return most
	}
	limit := min(int(l.limit), most)
	if l.host.lowered(now) {
		limit = 1
	}
	return max(limit, 1) - l.inFlight
}

// capacity is how many deliveries it may queue: two seconds' worth.
func (l *lane) capacity(now time.Time) int {
	return max(fewestQueue, int(2*l.pace(now)))
}

// pace is how many deliveries a second the CRM takes; zero: not known.
func (l *lane) pace(now time.Time) float64 {
	pace := l.meter.perSecond(now)
	if l.limiter != nil {
		return min(float64(l.limiter.Limit()), max(pace, 1))
	}
	return pace
}

// keepsUp reports whether the CRM takes what comes. It does not where the queue
// waits for the CRM, and longer than a moment, unless it will be gone soon; nor
// where many attempts hang.
func (l *lane) keepsUp(now time.Time, most int) bool {
	if isolationOff {
		return true
	}
	if now.Sub(l.answered) > time.Second && l.inFlight >= max(firstLimit, int(l.limit)/2) {
		return false
	}
	if l.room(now, most) > 0 && l.limiter == nil || now.Sub(l.oldest(now)) < stalls {
		return true
	}
	return l.drains(now) <= soon
}

// drains is how long the queue will take at the present pace.
func (l *lane) drains(now time.Time) time.Duration {
	each, queued := l.each(now).Seconds(), float64(l.queued())
	if l.limiter == nil {
		return inSeconds(each * queued / float64(max(l.inFlight, 1)))
	}
	seconds := queued / float64(l.limiter.Limit())
	if l.inFlight > 0 { // a CRM may take less than the webhook's rate
		seconds = max(seconds, each*queued/max(l.limit, 1))
	}
	return inSeconds(seconds)
}

// inSeconds converts seconds. What no duration can hold is the longest one: the
// plain conversion may make it a negative one, as if there were nothing to wait for.
func inSeconds(seconds float64) time.Duration {
	if d := seconds * float64(time.Second); d < math.MaxInt64 {
		return time.Duration(d)
	}
	return math.MaxInt64
}

// begins is how many of the queue will begin within d, at the present pace.
func (l *lane) begins(now time.Time, d time.Duration) int {
	each := max(l.each(now), time.Millisecond)
	if l.limiter == nil {
		return int(d * time.Duration(l.inFlight) / each)
	}
	n := float64(l.limiter.Limit()) * d.Seconds()
	if l.inFlight > 0 {
		n = min(n, d.Seconds()/each.Seconds()*max(l.limit, 1))
	}
	return int(n)
}

// each is how long an attempt takes at present, as far as it is known.
func (l *lane) each(now time.Time) time.Duration { return max(l.latency, now.Sub(l.answered)) }

// oldest is when the first of its queues came, or now if they are empty.
func (l *lane) oldest(now time.Time) time.Time {
	first := now
	for _, q := range l.queues {
		if len(q) > 0 && q[0].came.Before(first) {
			first = q[0].came
		}
	}
	return first
}

// next takes the next ticket from the queues: fresh and returning deliveries in
// turn.
func (l *lane) next() *Ticket {
	if len(l.queues[l.nextQueue]) == 0 {
		l.nextQueue = 1 - l.nextQueue
	}
	q := l.queues[l.nextQueue]
	t := q[0]
	q[0] = nil
	l.queues[l.nextQueue] = q[1:]
	l.nextQueue = 1 - l.nextQueue
	return t
}

// takeLast takes the newest ticket of a queue that has one.
func (l *lane) takeLast(kind int) *Ticket {
	q := l.queues[kind]
	t := q[len(q)-1]
	q[len(q)-1] = nil
	l.queues[kind] = q[:len(q)-1]
	return t
}

// nextSlot returns when a delivery may come again that the lane cannot take
// now: one after the other, at the pace that the CRM takes them, so that a
// backlog waits in one place.
func (l *lane) nextSlot(now time.Time) time.Time {
	pace := l.pace(now)
	if pace == 0 {
		return now.Add(shortestDeferral)
	}
	pace = max(pace, 1) // with few leads the pace is theirs, not the CRM's
	slot := l.slot.Add(time.Duration(float64(time.Second) / pace))
	if earliest := now.Add(shortestDeferral); slot.Before(earliest) {
		slot = earliest
	}
	l.slot = slot
	return slot
}

// mayProbe reports whether a lane that fails may try this delivery.
func (l *lane) mayProbe(t *Ticket, now time.Time) bool {
	every := min(max(now.Sub(l.openSince)/probeShare, mostProbes), fewestProbes)
	if l.probing || now.Sub(l.probed) < every {
		return false
	}
	return !t.spent || now.Sub(l.probed) >= spareSpent
}

// until is when a delivery may come again that the lane does not take now,
// since it fails or was asked to pause.
func (l *lane) until(now time.Time) time.Time {
	at := now
	if l.open() {
		at = now.Add(deferral(l.probed.Sub(l.openSince))) // later is not known
	}
	if l.paused.After(at) {
		return l.paused
	}
	return at
}

// succeeded notes that the CRM took a delivery. It reports whether the lane was
// failing until then.
func (l *lane) succeeded(f Feedback, now time.Time, full bool) (recovered bool) {
	recovered = l.open()
	l.failures, l.openSince = 0, time.Time{}
	l.answeredWell(f, now, full)
	return recovered
}

// answeredWell lets the limit grow while it is made use of: slow is not
// failing.
func (l *lane) answeredWell(f Feedback, now time.Time, full bool) {
	const smooth = 8
	l.meter.add(now)
	l.answered = now
	l.latency += (f.Took - l.latency) / smooth
	switch {
	case !full:
	case l.growing:
		l.limit++
	default:
		l.limit += 1 / l.limit
	}
}

// failed notes that an attempt failed in a way that may be the CRM's.
func (l *lane) failed(f Feedback, now time.Time) {
	l.failures++
	l.limit, l.growing = max(1, l.limit/2), false
	if f.PauseAsked {
		l.paused = now.Add(f.Pause)
	}
	if l.failures >= breaksAfter && !l.open() {
		l.openSince = now
		l.probed = now
	}
}
