package edit

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/leadhook/leadhook/webhook/entry"
)

// Adopt publishes lists of webhooks that were kept elsewhere before, with the owners of
// all ids that were ever given. A webhook that is in the topic already stays as it is
// there, and one that was removed there stays away, so that repeating it does no harm. Webhooks that are damaged are taken over as
// they are. It returns how many it added; after an error, repeating it completes it.
func (e *Editor) Adopt(ctx context.Context, owners map[string]string, lists map[string]*entry.List) (added int, err error) {
	for _, l := range lists { // before anything is written, in clear
		if err := entry.AllowsSecrets(e.Log.Boxes, l.Webhooks...); err != nil {
			return 0, err
		}
	}
	epoch, err := e.Log.Begin(ctx)
	if err != nil {
		return 0, err
	}
	var ids []owner
	for _, id := range slices.Sorted(maps.Keys(owners)) {
		ids = append(ids, owner{id, owners[id]})
	}
	if err := e.claim(ctx, epoch, ids); err != nil {
		return 0, fmt.Errorf("claiming webhook ids: %w; no webhook was taken over", err)
	}
	for part := range slices.Chunk(slices.Sorted(maps.Keys(lists)), chunk) {
		done, err := e.change(ctx, epoch, part, func(advertiser string, l *entry.List) (*entry.List, []entry.WebhookChange, error) {
			next, edits := l.With(lists[advertiser])
			return next, edits, nil
		})
		for _, edits := range done {
			added += len(edits)
		}
		if err != nil {
			return added, err
		}
	}
	return added, e.Log.Open(ctx, epoch)
}
