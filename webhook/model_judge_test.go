package webhook_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/edit"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/shares"
	"github.com/leadhook/leadhook/webhook/topic"
)

// describe tells lists of webhooks apart.
func describe(hooks []*lead.Webhook) string {
	if len(hooks) == 0 {
		return "none"
	}
	var text []string
	for _, h := range hooks {
		text = append(text, fmt.Sprintf("%s %s active=%v enabled=%d disabled=%d damaged=%q",
			h.ID, h.URL, h.Active, h.Enabled, h.Disabled.At.UnixNano()*int64(h.Disabled.Status), h.Damaged))
	}
	return strings.Join(text, "; ")
}

// A state is the list of an advertiser after a change that counts.
type state struct {
	offset int64
	entry  entry.Entry
	list   *entry.List
	by     string
	print  string
}

// A truth is what a plain reading of the topic says.
type truth struct {
	epoch  string
	last   map[string]topic.Record
	states map[string][]state // by advertiser, all that ever counted
	sent   map[string][]state // by advertiser, also what did not count
	owners map[string]string  // by webhook
	stamps map[string]entry.Stamp
}

// read reads a topic from the beginning, by the rule alone: the whole of it, or what
// compaction left.
func (w *world) read(records []topic.Record, whole bool) *truth {
	tr := &truth{
		last: map[string]topic.Record{}, states: map[string][]state{}, sent: map[string][]state{},
		owners: map[string]string{}, stamps: map[string]entry.Stamp{},
	}
	for _, r := range records {
		if epoch, ok := entry.EpochOf(r.Key); ok && r.Offset == 0 {
			tr.epoch = epoch
		}
	}
	for _, r := range records {
		if _, isID := entry.WebhookOf(r.Key); !isID && !entry.IsAdvertiser(r.Key) || r.Value == nil {
			continue
		}
		e, err := entry.Parse(r.Value)
		if err != nil {
			w.fail("record %d: %v", r.Offset, err)
		}
		if e.Epoch != tr.epoch {
			continue
		}
		counts := e.Number > tr.stamps[r.Key].Number
		if counts {
			tr.stamps[r.Key], tr.last[r.Key] = e.Stamp, r
		}
		if id, ok := entry.WebhookOf(r.Key); ok {
			owner, err := entry.OpenOwner(w.boxes, id, &e)
			if err != nil {
				w.fail("record %d: %v", r.Offset, err)
			}
			if was, ok := tr.owners[id]; whole && counts && ok && was != owner {
				w.fail("I4: webhook %s went from %s to %s with record %d %+v", id, was, owner, r.Offset, e.Stamp)
			}
			if counts {
				tr.owners[id] = owner
			}
			continue
		}
		list, err := entry.OpenList(w.boxes, r.Key, &e)
		if err != nil {
			w.fail("record %d: %v", r.Offset, err)
		}
		s := state{r.Offset, e, list, list.History[0].By, describe(list.Webhooks)}
		tr.sent[r.Key] = append(tr.sent[r.Key], s)
		if counts {
			tr.states[r.Key] = append(tr.states[r.Key], s)
		}
	}
	return tr
}

// of returns the first state that has the change of an op, and -1 if none has.
func (tr *truth) of(advertiser, op string) int {
	return slices.IndexFunc(tr.states[advertiser], func(s state) bool { return s.by == op })
}

// judge compares everything that was acknowledged and answered with the topic.
func (w *world) judge(tr *truth) {
	w.mu.Lock()
	ops, leads := slices.Clone(w.ops), slices.Clone(w.leads)
	w.mu.Unlock()
	for _, l := range leads {
		if l.hooks != "" {
			w.judgeLead(tr, ops, l)
		}
	}
	w.judgeOps(tr, false)
}

// judgeOps compares what was acknowledged with the topic, which may have lost whose an id
// is.
func (w *world) judgeOps(tr *truth, lossy bool) {
	w.mu.Lock()
	ops := slices.Clone(w.ops)
	w.mu.Unlock()
	for _, o := range ops {
		w.judgeOp(tr, o, lossy)
	}
	for advertiser, states := range tr.states {
		for i, s := range states {
			for _, h := range s.list.Webhooks {
				if owner, ok := tr.owners[h.ID]; owner != advertiser && (ok || !lossy) {
					w.fail("I4: %s has webhook %s in record %d, which belongs to %q", advertiser, h.ID, s.offset, tr.owners[h.ID])
				}
			}
			if i > 0 && states[i-1].list.History[0].ID != s.list.History[0].ID && !s.list.Has(states[i-1].list.History[0].ID) {
				w.fail("I2: record %d of %s forgot the change of record %d", s.offset, advertiser, states[i-1].offset)
			}
		}
	}
}

func (w *world) judgeOp(tr *truth, o *op, lossy bool) {
	if !lossy && errors.Is(o.err, edit.ErrConflict) && !strings.Contains(o.err.Error(), "it is not known") { // of another advertiser
		done := slices.Collect(maps.Values(o.advertiser)) // of the advertisers of a seed
		for advertiser := range tr.states {
			if n := tr.of(advertiser, o.name); n >= 0 && !slices.Contains(done, advertiser) {
				w.fail("%s was told of a conflict, but counts in record %d of %s", o.name, tr.states[advertiser][n].offset, advertiser)
			}
		}
	}
	for id, advertiser := range o.advertiser {
		n := tr.of(advertiser, o.name)
		if n < 0 && o.maybe {
			continue
		}
		if n < 0 {
			w.fail("I2: %s changed %s of %s, was acknowledged, and is lost; the topic has %v of %v", o.name, id, advertiser, printStates(tr.states[advertiser]), printStates(tr.sent[advertiser]))
		}
		s := tr.states[advertiser][n]
		if !slices.ContainsFunc(s.list.History[0].Webhooks, func(c entry.WebhookChange) bool { return c.Webhook == id }) {
			w.fail("I2: %s changed %s of %s, but record %d does not say so", o.name, id, advertiser, s.offset)
		}
		w.judgeConflict(tr, o, advertiser, n)
	}
}

// judgeConflict fails if a change that came second did away with one that came first.
func (w *world) judgeConflict(tr *truth, o *op, advertiser string, n int) {
	counted := tr.states[advertiser][n]
	i := slices.IndexFunc(tr.sent[advertiser], func(s state) bool { return s.by == o.name })
	first := tr.sent[advertiser][i] // as it was made of what was read first
	before, now := &entry.List{}, &entry.List{}
	for i, s := range tr.states[advertiser][:n] {
		if s.entry.Number < first.entry.Number {
			before = s.list
		}
		now = tr.states[advertiser][i].list
	}
	for _, c := range counted.list.History[0].Webhooks {
		was, is := before.Webhook(c.Webhook), now.Webhook(c.Webhook)
		if (was == nil) != (is == nil) || was != nil && describe([]*lead.Webhook{was}) != describe([]*lead.Webhook{is}) {
			w.fail("%s changed webhook %s in record %d and was not told that somebody else had; sent were %v",
				o.name, c.Webhook, counted.offset, printStates(tr.sent[advertiser]))
		}
	}
}

func printStates(states []state) (text []string) {
	for _, s := range states {
		text = append(text, fmt.Sprintf("record %d number %d by %s: %s", s.offset, s.entry.Number, s.by, s.print))
	}
	return text
}

// judgeLead fails if the answer to a look-up is older than what was acknowledged before.
func (w *world) judgeLead(tr *truth, ops []*op, l *found) {
	need, because := -1, "nothing"
	for _, o := range ops {
		if o.ended.IsZero() || !o.ended.Before(l.since) {
			continue
		}
		for _, advertiser := range o.advertiser {
			if advertiser != l.advertiser {
				continue
			}
			if n := tr.of(advertiser, o.name); n > need {
				need, because = n, o.name
			}
		}
	}
	states := tr.states[l.advertiser]
	got := -1
	for n, s := range states {
		if s.print == l.hooks {
			got = n
		}
	}
	switch {
	case got < 0 && l.hooks != "none":
		w.fail("I1: %s was answered with %s, which never was; in epoch %s there were %v", l.advertiser, l.hooks, tr.epoch, printStates(states))
	case got < need:
		w.fail("I1: %s was answered by %s to a lead of %.3f with %s, which misses %s (record %d)", l.advertiser, l.instance,
			float64(l.since.Sub(w.began).Microseconds())/1000, l.hooks, because, states[need].offset)
	}
}

// unrest returns what is not yet as it will be for ever, and nothing if everything is.
func (w *world) unrest(leads bool) string {
	w.mu.Lock()
	if w.changing > 0 {
		defer w.mu.Unlock()
		return fmt.Sprintf("%d changes have not ended", w.changing)
	}
	for _, l := range w.leads {
		if leads && l.hooks == "" {
			w.mu.Unlock()
			return fmt.Sprintf("a lead of %s of %v has no answer", l.advertiser, l.asked.Sub(w.began))
		}
	}
	w.mu.Unlock()
	end, err := w.topic.End(w.ctx)
	if err != nil {
		return err.Error()
	}
	epoch, open := w.epoch()
	if !open {
		return "" // nobody has written anything
	}
	for n, s := range shares.New(w.operator, "leadhook").States(w.ctx, epoch) {
		if s.Err != nil || s.Applied != end || s.Marks != 0 {
			return fmt.Sprintf("share %d is at %d with %d marks, error %v; the topic ends at %d", n, s.Applied, s.Marks, s.Err, end)
		}
	}
	return ""
}

// agree fails unless Redis has what the topic says, and what is left of the topic says
// what all of it did.
func (w *world) agree(whole *truth, left []topic.Record) {
	now := w.read(left, false)
	if now.epoch != whole.epoch {
		w.fail("the epoch was %s, after compaction it is %s", whole.epoch, now.epoch)
	}
	for advertiser, states := range whole.states {
		was, is := states[len(states)-1], now.states[advertiser]
		if len(is) == 0 || is[len(is)-1].print != was.print {
			w.fail("I2: what is left of the topic has %v of %s, all of it %s", printStates(is), advertiser, was.print)
		}
	}
	for id, owner := range whole.owners {
		if now.owners[id] != owner {
			w.fail("I4: webhook %s belonged to %s, and in what is left of the topic to %q", id, owner, now.owners[id])
		}
	}
	stored := make(map[string]entry.Stamp)
	s := shares.New(w.operator, "leadhook")
	for n := range shares.Count {
		for r, err := range s.All(w.ctx, whole.epoch, n) {
			if err != nil {
				w.fail("share %d: %v", n, err)
			}
			e, err := entry.Parse(bytes.Clone(r.Value))
			if err != nil {
				w.fail("%s in Redis: %v", r.Key, err)
			}
			stored[r.Key] = e.Stamp
		}
	}
	for key, stamp := range now.stamps {
		if stored[key] != stamp {
			w.fail("I3: Redis has %+v of %s, the topic %+v", stored[key], key, stamp)
		}
	}
	if len(stored) != len(now.stamps) {
		w.fail("I3: Redis has %d keys, the topic %d", len(stored), len(now.stamps))
	}
}
