package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
)

// ErrNoWebhook is the error of asking for a webhook that does not exist.
var ErrNoWebhook = errors.New("there is no such webhook")

// ErrDamaged is the error of changing a webhook whose stored record cannot be used. What
// wraps it says what is wrong with the record.
var ErrDamaged = errors.New("it cannot be changed")

// A Catalog reads webhooks for people: as they are now, with everything in them that was
// acknowledged before. It is slower than a [Cache], and needs nothing to be running.
type Catalog struct {
	Log   *follow.Log
	Epoch string // which is read; empty: the log's
}

func (c Catalog) epoch(ctx context.Context) (string, error) {
	if c.Epoch != "" {
		return c.Epoch, nil
	}
	return c.Log.Epoch(ctx)
}

// Find reads one webhook by its id; it may have Damaged set, and then nobody may know
// whether there still is such a webhook. The error wraps [ErrNoWebhook], or says why the
// webhooks cannot be asked for.
func (c Catalog) Find(ctx context.Context, id string) (*lead.Webhook, error) {
	epoch, err := c.epoch(ctx)
	if err != nil {
		return nil, err
	}
	hooks, err := c.named(ctx, epoch, []string{id})
	if err != nil {
		return nil, err
	}
	if len(hooks) == 0 {
		return nil, fmt.Errorf("webhook %q: %w", id, ErrNoWebhook)
	}
	return hooks[0], nil
}

// Webhooks reads the webhooks of advertisers, sorted by id. Damaged webhooks are
// included; if all that is stored of an advertiser cannot be read, one with an empty id
// stands for its webhooks. The error says why the webhooks cannot be asked for.
func (c Catalog) Webhooks(ctx context.Context, advertisers ...string) ([]*lead.Webhook, error) {
	epoch, err := c.epoch(ctx)
	if err != nil {
		return nil, err
	}
	lists, err := c.lists(ctx, epoch, advertisers)
	if err != nil {
		return nil, err
	}
	var hooks []*lead.Webhook
	for advertiser, l := range lists {
		if l.unreadable != nil {
			hooks = append(hooks, entry.Unreadable(advertiser, "", l.unreadable.Error()))
			continue
		}
		hooks = append(hooks, l.Webhooks...)
	}
	slices.SortFunc(hooks, func(a, b *lead.Webhook) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Advertiser, b.Advertiser))
	})
	return hooks, nil
}

// list reads the list of an advertiser, which is empty if it never had webhooks.
func (c Catalog) list(ctx context.Context, epoch, advertiser string) (*entry.List, error) {
	bases, err := c.Log.Current(ctx, epoch, []string{advertiser})
	if err != nil {
		return nil, err
	}
	l, err := c.open(advertiser, bases[advertiser].Value)
	if err != nil {
		return nil, fmt.Errorf("the stored webhooks of advertiser %q cannot be read: %w", advertiser, err)
	}
	return l, nil
}

// open returns the list in an advertiser's value, which may be nil. What has the key of
// another record has no webhooks.
func (c Catalog) open(advertiser string, value []byte) (*entry.List, error) {
	if value == nil || !entry.IsAdvertiser(advertiser) {
		return &entry.List{}, nil
	}
	e, err := entry.Parse(value)
	if err != nil {
		return nil, err
	}
	return entry.OpenList(c.Log.Boxes, advertiser, &e)
}

// named reads the webhooks with these ids, in their order, without those that were
// removed. Of an advertiser whose webhooks cannot be read there is one that is damaged for
// each of its ids, since nobody knows whether that was removed.
func (c Catalog) named(ctx context.Context, epoch string, ids []string) ([]*lead.Webhook, error) {
	owners, err := c.owners(ctx, epoch, ids)
	if err != nil {
		return nil, err
	}
	advertisers := make(map[string]bool, len(owners))
	for _, o := range owners {
		if o.unreadable == nil {
			advertisers[o.advertiser] = true
		}
	}
	lists, err := c.lists(ctx, epoch, slices.Collect(maps.Keys(advertisers)))
	if err != nil {
		return nil, err
	}
	var named []*lead.Webhook
	for _, id := range ids {
		o, claimed := owners[id]
		l := lists[o.advertiser]
		switch {
		case !claimed:
		case o.unreadable != nil:
			named = append(named, &lead.Webhook{ID: id, Damaged: "whose id it is cannot be read: " + o.unreadable.Error()})
		case l.unreadable != nil:
			named = append(named, entry.Unreadable(o.advertiser, id, l.unreadable.Error()))
		default:
			if h := l.Webhook(id); h != nil {
				named = append(named, h)
			}
		}
	}
	return named, nil
}

// An owner is the advertiser that an id belongs to, or why that cannot be read.
type owner struct {
	advertiser string
	unreadable error
}

// owners returns the owners of those ids that have one.
func (c Catalog) owners(ctx context.Context, epoch string, ids []string) (map[string]owner, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = entry.IDKey(id)
	}
	bases, err := c.Log.Current(ctx, epoch, keys)
	if err != nil {
		return nil, err
	}
	owners := make(map[string]owner, len(ids))
	for _, id := range ids {
		if value := bases[entry.IDKey(id)].Value; value != nil {
			owners[id] = c.owner(id, value)
		}
	}
	return owners, nil
}

// owner returns the owner of an id, from the id's entry.
func (c Catalog) owner(id string, value []byte) owner {
	advertiser, err := entry.ReadOwner(c.Log.Boxes, id, value)
	return owner{advertiser, err}
}

// A list is an advertiser's webhooks, with what is known of their health, or why they
// cannot be read.
type list struct {
	*entry.List
	unreadable error
}

// lists reads the lists of advertisers.
func (c Catalog) lists(ctx context.Context, epoch string, advertisers []string) (map[string]list, error) {
	bases, err := c.Log.Current(ctx, epoch, advertisers)
	if err != nil {
		return nil, err
	}
	lists := make(map[string]list, len(advertisers))
	for i, a := range c.Log.Shares.Get(ctx, epoch, advertisers) {
		l, err := c.open(advertisers[i], bases[advertisers[i]].Value)
		if err != nil {
			lists[advertisers[i]] = list{unreadable: err}
			continue
		}
		for _, h := range l.Webhooks {
			withHealth(h, a.Health)
		}
		lists[advertisers[i]] = list{List: l}
	}
	return lists, nil
}
