//go:build faults

package faults

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// A tally counts what became of pairs of a lead and a webhook that wants it.
type tally struct {
	wanted    int // pairs
	delivered int // pairs that were answered with success
	open      int // pairs, none of the above, in a record of the live topic that is not committed
	scheduled int // pairs, none of the above, in a record of a retry topic that is not committed
	dead      int // pairs, none of the above, in the dead-letter topic
	lost      int // pairs that are none of the above
	buried    int // pairs that were delivered, and are dead letters too
	twice     map[cause]int
}

// An account is what became of all pairs, as Kafka and the CRM say.
type account struct {
	tally
	by       map[*hook]*tally
	leads    int            // different leads in the live topic
	repeats  int            // more records there than one for each lead
	bombs    int            // records there that are too large to be leads
	unwanted int            // deliveries that the CRM saw and nobody wanted
	misled   int            // POSTs to another path than the webhook's
	foreign  int            // POSTs whose body is not that of the lead, byte for byte
	astray   int            // POSTs to what a change had taken away before the lead was published
	posts    int            // POSTs
	reasons  map[string]int // of dead letters, by reason and error
	flights  []flight       // of the delivered pairs
	repeated []repetition   // of what came twice
	examples []string       // some of what must not be
}

func (a *account) String() string {
	return fmt.Sprintf("%d leads (%d repeats), %d wanted: %d delivered, %d open, %d scheduled, %d dead, %d lost;"+
		" %d POSTs, %d unwanted, %d misled, %d with a foreign body, %d to what was taken away, %d delivered and buried; twice: %s", a.leads, a.repeats, a.wanted,
		a.delivered, a.open, a.scheduled, a.dead, a.lost, a.posts, a.unwanted, a.misled, a.foreign, a.astray, a.buried, twiceText(a.twice))
}

func twiceText(twice map[cause]int) string {
	var parts []string
	for _, c := range slices.Sorted(maps.Keys(twice)) {
		parts = append(parts, fmt.Sprintf("%d %s", twice[c], c))
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.Join(parts, ", ")
}

// details are what a reader of a failure wants to know too.
func (a *account) details() string {
	lines := slices.Clone(a.examples)
	for _, reason := range slices.Sorted(maps.Keys(a.reasons)) {
		lines = append(lines, fmt.Sprintf("%d dead letters: %s", a.reasons[reason], reason))
	}
	return strings.Join(lines, "\n")
}

// example keeps some of what must not be, for the reader of a failure.
func (a *account) example(format string, args ...any) {
	if len(a.examples) < 10 {
		a.examples = append(a.examples, fmt.Sprintf(format, args...))
	}
}

// A flight is when a pair was published and when it was delivered first.
type flight struct {
	pair      *pair
	delivered time.Time
}

// A repetition is a POST of what the CRM had taken before.
type repetition struct {
	cause      cause
	pair       *pair // nil: nobody wanted it
	once, next *post
}

// named are the leads that came twice, by cause and by the instance that made the first POST.
func (a *account) named() (lines []string) {
	leads := map[string][]string{}
	for _, d := range a.repeated {
		if d.pair != nil {
			by := fmt.Sprintf("%s, first by instance %d", d.cause, d.once.instance)
			leads[by] = append(leads[by], d.pair.lead)
		}
	}
	for _, by := range slices.Sorted(maps.Keys(leads)) {
		slices.Sort(leads[by])
		lines = append(lines, fmt.Sprintf("twice, %s: %d leads: %s", by, len(leads[by]), strings.Join(leads[by], " ")))
	}
	return lines
}

// recovered is how long after a moment the last of those pairs was delivered
// that had been published before it: of some webhooks, or of all if none is
// named.
func (a *account) recovered(end time.Time, hooks ...*hook) (longest time.Duration) {
	for _, f := range a.flights {
		if f.pair.published.Before(end) && (len(hooks) == 0 || slices.Contains(hooks, f.pair.hook)) {
			longest = max(longest, f.delivered.Sub(end))
		}
	}
	return longest
}

// pause is the longest time after a moment, and before the last delivery, in
// which nothing was delivered to some webhooks.
func (a *account) pause(from time.Time, hooks ...*hook) (longest time.Duration) {
	last := from
	for _, f := range a.flights { // in their order
		if slices.Contains(hooks, f.pair.hook) && f.delivered.After(last) {
			longest, last = max(longest, f.delivered.Sub(last)), f.delivered
		}
	}
	return longest
}

// A pair is a lead for a webhook, and where Kafka has it.
type pair struct {
	id                    deliveryID
	hook                  *hook
	life                  *life // of a webhook that an operator changes; nil: it is always what it is
	lead                  string
	body                  uint64
	published             time.Time
	open, scheduled, dead bool
	died                  time.Time // when the newest dead letter was written
}

// buried returns whether there is a dead letter of a pair that had been delivered before.
// An older letter is of what was replayed.
func (p *pair) buried(delivered time.Time) bool { return p.dead && p.died.After(delivered) }

// account compares what was published with what became of it. What is
// delivered while it reads was open or scheduled before, since the offsets are
// asked for first and the CRM last.
func (r *rig) account() *account {
	r.t.Helper()
	a := &account{tally: newTally(), by: map[*hook]*tally{}, reasons: map[string]int{}}
	topics := append(r.retryTopics(), r.topic)
	committed := r.committed(topics...)
	if committed == nil {
		r.t.Fatal("Kafka does not tell the committed offsets")
	}
	waits := func(m *kafka.Message) bool { return m.Offset >= committed[m.Topic][m.Partition] }
	pairs := r.pairs(a, waits)
	for _, topic := range topics[:len(topics)-1] {
		r.read(topic, func(m *kafka.Message) {
			if p := pairs[deliveryOf(m)]; p != nil && waits(m) {
				p.scheduled = true
			}
		})
	}
	r.read(r.deadLetters(), func(m *kafka.Message) {
		a.reasons[header(m, "leadhook.reason")+": "+header(m, "leadhook.error")]++
		if p := pairs[deliveryOf(m)]; p != nil {
			p.dead, p.died = true, m.Time
		}
	})
	r.crm.judge(a, pairs, r.knownFaults())
	return a
}

// counts says whether the pair is one that must be accounted for. What was published while
// an operator changed the webhook may be delivered or not.
func (p *pair) counts() bool { return p.life == nil || p.life.must(p.published) }

// pairs are what the events in the live topic are wanted by.
func (r *rig) pairs(a *account, waits func(*kafka.Message) bool) map[deliveryID]*pair {
	r.t.Helper()
	hooks := map[string][]*hook{}
	for _, h := range r.hooks {
		hooks[h.Advertiser] = append(hooks[h.Advertiser], h)
	}
	r.mu.Lock()
	lives := maps.Clone(r.lives)
	r.mu.Unlock()
	for _, l := range lives {
		hooks[l.hook.Advertiser] = append(hooks[l.hook.Advertiser], &l.hook)
	}
	pairs, leads := map[deliveryID]*pair{}, map[string]bool{}
	r.read(r.topic, func(m *kafka.Message) {
		if len(m.Value) > largestRecord {
			a.bombs++
			return
		}
		ev := parseEvent(r.t, m)
		id := ev.Lead.ID.String()
		if leads[id] {
			a.repeats++
		}
		leads[id] = true
		for _, h := range hooks[ev.Advertiser] {
			if !h.wants(&ev) {
				continue
			}
			key := ev.delivery(h.ID)
			if pairs[key] == nil {
				pairs[key] = &pair{id: key, hook: h, life: lives[h.ID], lead: id, body: bodyOf(r.t, m), published: m.Time}
			}
			pairs[key].open = pairs[key].open || waits(m)
		}
	})
	a.leads = len(leads)
	return pairs
}

// judge is the part of the account that the CRM knows.
func (r *record) judge(a *account, pairs map[deliveryID]*pair, faults []fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := make([]*pair, len(r.ids)) // by index
	for id, n := range r.ids {
		if known[n] = pairs[id]; known[n] == nil {
			a.unwanted++
			a.example("the CRM was sent %x, which nobody wanted", id)
		}
	}
	paths := make([]string, len(r.paths))
	for path, n := range r.paths {
		paths[n] = path
	}
	delivered := map[*pair]bool{}
	for i := range r.posts {
		p := &r.posts[i]
		pair := known[p.delivery]
		if pair != nil {
			a.follow(pair, p, paths[p.path])
		}
		if pair != nil && p.answered() && !delivered[pair] {
			delivered[pair] = true
			pair.dead = pair.buried(time.UnixMicro(p.end))
			if !pair.counts() {
				continue
			}
			a.flights = append(a.flights, flight{pair, time.UnixMicro(p.end)})
		}
	}
	for _, p := range pairs {
		if !p.counts() {
			continue
		}
		a.place(p, delivered[p])
	}
	a.posts = len(r.posts)
	r.findRepeated(a, known, faults)
}

// follow looks where a POST went, and what it had.
func (a *account) follow(pair *pair, p *post, address string) {
	if p.body != pair.body {
		a.foreign++
		a.example("what %s was sent as lead %s is not that lead's body", pair.hook.ID, pair.lead)
	}
	path, _, _ := strings.Cut(address, separator)
	switch {
	case pair.life == nil && path != pair.hook.path(), pair.life != nil && !pair.life.had(address):
		a.misled++
		a.example("lead %s of %s was sent to %s", pair.lead, pair.hook.ID, address)
	case pair.life != nil && pair.life.took(address, pair.published):
		a.astray++
		a.example("lead %s of %s, published %s, was sent at %s to %s, which was taken away before", pair.lead, pair.hook.ID,
			pair.published.Format(time.StampMilli), time.UnixMicro(p.begin).Format(time.StampMilli), address)
	}
}

func newTally() tally { return tally{twice: map[cause]int{}} }

// of is the tally of one webhook.
func (a *account) of(h *hook) *tally {
	if a.by[h] == nil {
		t := newTally()
		a.by[h] = &t
	}
	return a.by[h]
}

// place counts a pair as the one thing that it is.
func (a *account) place(p *pair, delivered bool) {
	for _, t := range []*tally{&a.tally, a.of(p.hook)} {
		t.place(p, delivered)
	}
	if !delivered && !p.open && !p.scheduled && !p.dead {
		a.example("lost: lead %s for %s, published %s", p.lead, p.hook.ID, p.published.Format(time.StampMilli))
	}
}

func (t *tally) place(p *pair, delivered bool) {
	t.wanted++
	switch {
	case delivered:
		t.delivered++
		if p.dead {
			t.buried++
		}
	case p.open:
		t.open++
	case p.scheduled:
		t.scheduled++
	case p.dead:
		t.dead++
	default:
		t.lost++
	}
}

// findRepeated counts what the CRM took more than once, by cause.
func (r *record) findRepeated(a *account, known []*pair, faults []fault) {
	again := map[uint32][]*post{}
	for i := range r.posts {
		if p := &r.posts[i]; p.taken && r.taken[p.delivery] > 1 {
			again[p.delivery] = append(again[p.delivery], p)
		}
	}
	for n, posts := range again {
		slices.SortFunc(posts, func(x, y *post) int { return int(x.begin - y.begin) })
		for i, next := range posts[1:] {
			c := why(posts[i], next, faults)
			a.twice[c]++
			a.repeated = append(a.repeated, repetition{c, known[n], posts[i], next})
			if known[n] != nil {
				a.of(known[n].hook).twice[c]++
			}
			if pair := known[n]; c == withoutCause && pair != nil {
				a.example("twice: lead %s for %s, taken %s (attempt %d, instance %d) and %s (attempt %d, instance %d), faults at %s",
					pair.lead, pair.hook.ID, time.UnixMicro(posts[i].end).Format(time.StampMilli), posts[i].attempt, posts[i].instance,
					time.UnixMicro(next.begin).Format(time.StampMilli), next.attempt, next.instance, faultTimes(faults))
			}
		}
	}
}
