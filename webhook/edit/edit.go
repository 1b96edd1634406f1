// Package edit is how webhooks are changed: it publishes the new list of each advertiser,
// reads on until it knows which of several writers was first, and applies a change that
// came second to what the first one wrote.
//
// A change is acknowledged, by returning without an error, once it is in the topic for
// good. Several writers may be at work at once, and any of them may be killed at any time.
package edit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/topic"
)

// ErrConflict is the error of changing a webhook that somebody else has changed since it
// was read. What wraps it says who.
var ErrConflict = errors.New("somebody else changed it meanwhile")

// ErrUnknown is the error of a change that too many others came after: the history no
// longer says whether it counts.
var ErrUnknown = errors.New("so many changes came after it that it is not known whether it counts: look at the webhooks")

// An Editor changes webhooks.
type Editor struct {
	Log  *follow.Log
	By   string // who makes the changes, for the history
	With string // with which tool

	// Waits is called with the cause when Kafka has not taken a change for two seconds.
	// It is tried for half a minute in all. It may be nil.
	Waits func(cause error)

	// discards has the keys of entries that count as empty if they do not open.
	discards map[string]bool
}

// An edit returns the list as it shall be, and what is different; no changes mean that
// there is nothing to do. It must not change the list that it is given. It may be called
// again, with what another writer made of the list meanwhile.
type edit func(advertiser string, l *entry.List) (*entry.List, []entry.WebhookChange, error)

// A pending is an advertiser's change under way.
type pending struct {
	first  *entry.List // as it was read first
	change string      // the id under which it was published last
	value  []byte      // what was published
	number int64
	edits  []entry.WebhookChange
}

// change applies an edit to the lists of advertisers, and returns once the result is in
// the topic for good, with what each edit did. If it fails for one advertiser, others may
// be changed: those that are in the result.
func (e *Editor) change(ctx context.Context, epoch string, advertisers []string, do edit) (map[string][]entry.WebhookChange, error) {
	bases, err := e.Log.Current(ctx, epoch, advertisers)
	if err != nil {
		return nil, err
	}
	done := make(map[string][]entry.WebhookChange, len(advertisers))
	under := make(map[string]*pending, len(advertisers))
	var errs []error
	for todo := advertisers; len(todo) > 0; {
		records, published := e.compose(epoch, todo, bases, under, do, &errs)
		if err := e.publish(ctx, records); err != nil {
			return done, errors.Join(append(errs, err)...)
		}
		if err := e.readOn(ctx, epoch, bases); err != nil {
			return done, errors.Join(append(errs, err)...)
		}
		todo = todo[:0:0]
		for _, advertiser := range published {
			p := under[advertiser]
			switch won, err := e.won(advertiser, bases[advertiser], p); {
			case err != nil:
				errs = append(errs, err)
			case won:
				done[advertiser] = p.edits
			default:
				todo = append(todo, advertiser)
			}
		}
	}
	e.keepHealth(ctx, bases, done)
	return done, errors.Join(errs...)
}

// keepHealth forgets what Redis has of how webhooks failed that changed lists no longer have. If
// it cannot, the next change of the list does.
func (e *Editor) keepHealth(ctx context.Context, bases map[string]follow.Base, changed map[string][]entry.WebhookChange) {
	const patience = time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	has := make(map[string][]string, len(changed))
	for advertiser, edits := range changed {
		if onlyAdds(edits) { // most of a first seed
			continue
		}
		list, _, err := e.open(advertiser, bases[advertiser])
		if err != nil {
			continue
		}
		has[advertiser] = nil
		for _, h := range list.Webhooks {
			has[advertiser] = append(has[advertiser], h.ID)
		}
	}
	_ = e.Log.Shares.KeepHealth(ctx, has) // the change counts without it
}

func onlyAdds(edits []entry.WebhookChange) bool {
	return !slices.ContainsFunc(edits, func(w entry.WebhookChange) bool { return w.Action != entry.Added })
}

// compose returns the records of the lists that an edit makes of the bases, and their
// advertisers. What fails is added to errs.
func (e *Editor) compose(epoch string, todo []string, bases map[string]follow.Base, under map[string]*pending, do edit, errs *[]error) ([]topic.Record, []string) {
	var records []topic.Record
	var published []string
	for _, advertiser := range todo {
		if under[advertiser] == nil {
			under[advertiser] = &pending{}
		}
		r, err := e.next(epoch, advertiser, bases[advertiser], under[advertiser], do)
		if err != nil {
			*errs = append(*errs, fmt.Errorf("advertiser %q: %w", advertiser, err))
		} else if r != nil {
			records = append(records, *r)
			published = append(published, advertiser)
		}
	}
	return records, published
}

// next returns the record of the list that an edit makes of a base, and nil if there is
// nothing to do.
func (e *Editor) next(epoch, advertiser string, base follow.Base, p *pending, do edit) (*topic.Record, error) {
	list, number, err := e.open(advertiser, base)
	if err != nil {
		return nil, err
	}
	if p.first == nil {
		p.first = list
	}
	next, edits, err := do(advertiser, list)
	if err != nil || len(edits) == 0 {
		return nil, err
	}
	if err := conflict(edits, fingerprintsIn(p.first), list); err != nil {
		return nil, err
	}
	slices.SortFunc(next.Webhooks, func(a, b *lead.Webhook) int { return strings.Compare(a.ID, b.ID) })
	p.change, p.number, p.edits = entry.NewID(), number+1, edits
	made := entry.Change{ID: p.change, At: time.Now(), By: e.By, With: e.With, Webhooks: edits}
	next.History = append([]entry.Change{made}, list.History[:min(len(list.History), entry.MaxHistory-1)]...)
	sealed, err := entry.SealList(e.Log.Boxes, advertiser, entry.Stamp{Epoch: epoch, Number: p.number, Change: p.change}, next)
	if err != nil {
		return nil, err
	}
	p.value = sealed.Value()
	return &topic.Record{Key: advertiser, Value: p.value}, nil
}

// open returns the list of a base, and its number.
func (e *Editor) open(advertiser string, base follow.Base) (*entry.List, int64, error) {
	if base.Value == nil {
		return &entry.List{}, 0, nil
	}
	stored, err := entry.Parse(base.Value)
	if err != nil {
		return nil, 0, fmt.Errorf("its stored webhooks cannot be read: %w", err)
	}
	list, err := entry.OpenList(e.Log.Boxes, advertiser, &stored)
	switch {
	case err == nil:
		return list, stored.Number, nil
	case e.discards[advertiser]:
		return &entry.List{}, stored.Number, nil
	}
	return nil, 0, unreadable(err)
}

// readOn brings the bases up to the end of the topic.
func (e *Editor) readOn(ctx context.Context, epoch string, bases map[string]follow.Base) error {
	end, err := e.Log.Topic.End(ctx)
	if err == nil {
		err = e.Log.Advance(ctx, epoch, bases, end)
	}
	if err == nil {
		var now string
		if now, err = e.Log.Begun(ctx); err == nil && now != epoch {
			err = errors.New("the topic of webhooks was made anew meanwhile")
		}
	}
	if err != nil {
		return fmt.Errorf("%w; %s", err, unsure)
	}
	return nil
}

// won reports whether the change that was published last counts. If not, another writer
// was first.
func (e *Editor) won(advertiser string, base follow.Base, p *pending) (bool, error) {
	if bytes.Equal(base.Value, p.value) {
		return true, nil
	}
	list, number, err := e.open(advertiser, base)
	switch {
	case err != nil:
		return false, fmt.Errorf("advertiser %q: %w", advertiser, err)
	case list.Has(p.change):
		return true, nil
	case number >= p.number+entry.MaxHistory:
		return false, fmt.Errorf("advertiser %q: %w", advertiser, ErrUnknown)
	}
	return false, nil
}
