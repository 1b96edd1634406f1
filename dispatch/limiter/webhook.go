package limiter

import (
	"slices"
	"time"

	"github.com/leadhook/leadhook/lead"
)

const (
	// mostKnown is how many webhooks are remembered. Beyond it those are forgotten
	// that were not used for longest, if nothing of theirs is in flight or waits;
	// what was learnt of them is learnt anew when they come again.
	mostKnown = 100_000

	// mostOnce is how many of these are webhooks for which a single delivery has come:
	// there may be any number of such, of which little was learnt. They take some
	// kilobyte each, and must not have those forgotten that are used.
	mostOnce = 32_768

	// idleFor is for how long a webhook is remembered that nothing comes for.
	idleFor = 10 * time.Minute

	// ailingFor is for how long one is that is failing: what was put off comes again after
	// half an hour at the latest, and until then it is to be counted.
	ailingFor = time.Hour
)

// A webhook is what is known of one webhook.
type webhook struct {
	id, advertiser string
	version        string // whose outcomes it has seen
	branch         *branch
	used           time.Time
	recent         link[webhook] // in Limiter.once or Limiter.recent
	turn           link[webhook] // among those of the branch that could begin an attempt

	queues    [kinds]list[Ticket] // of what waits
	nextQueue int                 // the one that is served next
	waiting   [kinds]load
	watched   link[webhook] // in Limiter.watched, while something waits
	look      time.Time     // when it is looked after next

	class class
	slow  share // attempts that took longer than a second
	ceiling
	gate  gate
	meter meter     // of the attempts that were answered well
	told  time.Time // when it last answered that it was too much
	slot  time.Time // the last one that was handed out to come again at

	putOff link[webhook] // in Limiter.putOff

	breaker

	failing    lead.Failing // since the last success, over all instances
	noted      time.Time    // when failing was told to the others
	reannounce time.Time    // when to tell them again that it works: they may think that it fails; zero: they do not
	ailing     lead.Cause   // why it is one of Limiter.ailing; empty: it is none
	doubts     int          // deliveries with doubt that the others have not been told
	doubtsTold time.Time    // when they were told last
}

// A branch is the webhooks of one advertiser on one host.
type branch struct {
	host  *host
	ready [classes]list[webhook] // with an attempt that could begin
	turns [classes]link[branch]  // among those of the host that could begin an attempt
}

// A host is where webhooks of many advertisers may live: scheme, host and port.
type host struct {
	name     string
	met      time.Time // when it became known
	webhooks int       // that are known
	ready    [classes]list[branch]
	entries  [classes]entry

	waiting  [classes][kinds]load // by the class of the webhooks
	unproven [kinds]load          // as much of it as counts as such

	slow   bool  // it is slow as a whole, whatever its webhooks are
	slowly int   // of the attempts in flight, the ones that were begun for what is not prompt
	turned int   // of the others, the ones that became old
	late   share // attempts that took longer than a second
	ceiling
	lastOld time.Time // when an attempt became a second old

	asked time.Time     // when the last probe of a slow host began
	every time.Duration // how long until the next one

	gate  gate
	rate  hostRate
	meter meter // of the attempts that were answered well

	heldBack link[host] // in Limiter.heldBack
	since    time.Time  // when HeldBack was last told that it is
}

// webhook finds what is known of a webhook, or begins to know it.
func (ls *Limiter) webhook(hook *lead.Webhook, hostName string, now time.Time) *webhook {
	w, uses := ls.byID[hook.ID], &ls.recent
	switch {
	case w == nil:
		uses = &ls.once
		w = &webhook{id: hook.ID, advertiser: hook.Advertiser}
		w.recent.owner, w.turn.owner, w.watched.owner, w.putOff.owner = w, w, w, w
		ls.join(w, hostName, now)
		w.reset(hook, now)
		ls.diagnose(w, hook.LastFailure.Cause, hook.LastFailure.At)
		ls.byID[hook.ID] = w
		ls.byAdvertiser[w.advertiser] = append(ls.byAdvertiser[w.advertiser], w)
	case w.version != hook.Version:
		ls.sendBack(w, now)
		before := w.branch
		ls.join(w, hostName, now)
		ls.leave(before)
		w.reset(hook, now)
		ls.diagnose(w, hook.LastFailure.Cause, hook.LastFailure.At)
	}
	w.used = now
	uses.push(&w.recent)
	ls.forget(&ls.once, mostOnce, now)
	ls.forget(&ls.recent, mostKnown-mostOnce, now)
	return w
}

// reset forgets what was learnt of another version of the webhook.
func (w *webhook) reset(hook *lead.Webhook, now time.Time) {
	w.version, w.failing = hook.Version, hook.Failing
	w.class, w.slow = unproven, share{}
	w.ceiling = ceiling{limit: firstOfWebhook, base: firstOfWebhook, first: firstOfWebhook, held: w.held, old: w.old, answered: now}
	w.gate.set(hook.Rate, now)
	w.meter, w.told, w.slot = meter{}, time.Time{}, time.Time{}
	w.breaker = breaker{trying: w.trying}
	w.noted, w.reannounce = time.Time{}, time.Time{}
	w.doubts, w.doubtsTold = 0, time.Time{}
}

// join makes a webhook one of a host's, and of its advertiser's there.
func (ls *Limiter) join(w *webhook, hostName string, now time.Time) {
	if w.branch = ls.branchOf(w.advertiser, hostName); w.branch == nil {
		w.branch = &branch{host: ls.host(hostName, now)}
		for c := range w.branch.turns {
			w.branch.turns[c].owner = w.branch
		}
	}
	w.branch.host.webhooks++
}

// branchOf returns what an advertiser has on a host, or nil.
func (ls *Limiter) branchOf(advertiser, hostName string) *branch {
	for _, w := range ls.byAdvertiser[advertiser] {
		if w.branch.host.name == hostName {
			return w.branch
		}
	}
	return nil
}

// host finds what is known of a host, or begins to know it.
func (ls *Limiter) host(name string, now time.Time) *host {
	h := ls.hosts[name]
	if h != nil {
		return h
	}
	known := ls.opts.HostLimits[name]
	h = &host{name: name, met: now}
	h.ceiling = ceiling{limit: firstOfHost, base: firstOfHost, first: firstOfHost, most: known.Attempts}
	h.rate.known = known.Rate
	h.gate.set(known.Rate, now)
	h.heldBack.owner = h
	for c := range h.entries {
		h.entries[c] = entry{host: h, class: class(c)}
		h.entries[c].turn.owner = &h.entries[c]
	}
	ls.hosts[name] = h
	return h
}

// leave undoes join.
func (ls *Limiter) leave(b *branch) {
	h := b.host
	if h.webhooks--; h.webhooks == 0 {
		ls.endHeldBack(h)
		h.gate.stop()
		delete(ls.hosts, h.name)
	}
}

// forget forgets a few webhooks of a list that is in the order of their use, if some
// were idle for long or there are too many.
func (ls *Limiter) forget(uses *list[webhook], most int, now time.Time) {
	const few = 2 // more than the one that may have been added
	for range few {
		w := uses.front()
		switch {
		case w == nil, uses.n <= most && now.Sub(w.used) <= idleFor:
			return
		case w.held > 0 || w.queued() > 0, w.ailing != "" && uses.n <= most && now.Sub(w.used) <= ailingFor:
			uses.push(&w.recent)
		default:
			w.recent.remove()
			ls.diagnose(w, "", now)
			delete(ls.byID, w.id)
			ls.leaveAdvertiser(w)
			ls.leave(w.branch)
			w.watched.remove()
			w.putOff.remove()
			w.gate.stop()
		}
	}
}

// leaveAdvertiser forgets that a webhook is one of its advertiser's.
func (ls *Limiter) leaveAdvertiser(w *webhook) {
	others := slices.DeleteFunc(ls.byAdvertiser[w.advertiser], func(other *webhook) bool { return other == w })
	if ls.byAdvertiser[w.advertiser] = others; len(others) == 0 {
		delete(ls.byAdvertiser, w.advertiser)
	}
}

func (w *webhook) queued() int { return w.queues[fresh].n + w.queues[returning].n }

// next returns the ticket whose turn it is: of fresh and returning deliveries in
// turn, the one that came first. There must be one.
func (w *webhook) next() *Ticket {
	if w.queues[w.nextQueue].n == 0 {
		w.nextQueue = 1 - w.nextQueue
	}
	t := w.queues[w.nextQueue].front()
	w.nextQueue = 1 - w.nextQueue
	return t
}

// oldest returns the ticket that has waited for longest, or nil.
func (w *webhook) oldest() *Ticket {
	a, b := w.queues[fresh].front(), w.queues[returning].front()
	if a == nil || b != nil && b.came.Before(a.came) {
		return b
	}
	return a
}
