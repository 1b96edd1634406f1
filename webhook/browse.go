package webhook

import (
	"context"
	"iter"
	"slices"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/shares"
)

// All yields every webhook after the one with the given id, which need not exist, or from
// the first if after is empty. It holds the ids of one share and the webhooks of a few
// hundred advertisers at a time. Webhooks come in the order of the shares of their ids,
// and of the ids within each: the same for ever. So the last id of a page is where the
// next page begins, whatever was added or removed meanwhile.
//
// A webhook that exists all the time is yielded once; one that is added or removed
// meanwhile may or may not be yielded. Damaged webhooks are included. After an error
// nothing more is yielded. It needs Redis, which it fills first.
func (c Catalog) All(ctx context.Context, after string) iter.Seq2[*lead.Webhook, error] {
	return func(yield func(*lead.Webhook, error) bool) {
		epoch, err := c.epoch(ctx)
		if err == nil {
			err = c.Log.Filled(ctx, epoch)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		for ids, err := range c.ids(ctx, epoch, after) {
			var hooks []*lead.Webhook
			if err == nil {
				hooks, err = c.named(ctx, epoch, ids)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, h := range hooks {
				if !yield(h, nil) {
					return
				}
			}
		}
	}
}

// page is how many webhooks are read at a time.
const page = 256

// ids yields the ids after the given one, in parts of at most a page.
func (c Catalog) ids(ctx context.Context, epoch, after string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		first := 0
		if after != "" {
			first = shares.Of(entry.IDKey(after))
		}
		for share := first; share < shares.Count; share++ {
			least := ""
			if share == first {
				least = after
			}
			ids, err := c.idsOf(ctx, epoch, share, least)
			if err != nil {
				yield(nil, err)
				return
			}
			for part := range slices.Chunk(ids, page) {
				if !yield(part, nil) {
					return
				}
			}
		}
	}
}

// idsOf returns the ids of a share after the given one, sorted.
func (c Catalog) idsOf(ctx context.Context, epoch string, share int, after string) ([]string, error) {
	var ids []string
	for r, err := range c.Log.Shares.All(ctx, epoch, share) {
		if err != nil {
			return nil, err
		}
		if id, ok := entry.WebhookOf(r.Key); ok && id > after {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}
