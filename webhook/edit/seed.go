package edit

import (
	"context"
	"errors"
	"fmt"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
)

// SeedOptions say what a seed does beside adding and changing webhooks.
type SeedOptions struct {
	// PerAdvertiser is how many webhooks an advertiser may have. One that has more
	// already keeps them and gets none in addition. Zero means
	// [rules.PerAdvertiser].
	PerAdvertiser int

	// DryRun finds what there is to do and writes nothing.
	DryRun bool

	// Prune removes the webhooks that are not among the seeded ones, if they were
	// there already when the seed began. Their ids still belong to their advertisers.
	// It needs Redis.
	Prune bool

	// ReplaceDamaged lets the seed replace what does not open, since it is damaged or
	// its key is lost: all that is stored of an advertiser that has webhooks among the
	// seeded ones, with Prune of every advertiser; and whose the id of one of them is.
	// Ids that do open still belong to their advertisers.
	ReplaceDamaged bool

	// Confirm is called before anything is written if something would be lost. Its
	// error ends the seed. nil confirms.
	Confirm func(Loss) error

	// Progress is called after every few hundred webhooks with the number of those
	// that are done and of all: first while they are compared, then from zero again
	// while they are written. It may be nil.
	Progress func(done, of int)
}

// A Change is what a seed did with one webhook. Action is [Unchanged] if there was nothing
// to do.
type Change struct {
	Advertiser string
	entry.WebhookChange
}

// Unchanged is the action of a seed that found a webhook as it shall be.
const Unchanged entry.Action = "unchanged"

// Changes is what a seed did: first with the webhooks that it was given, in their order,
// then with those that it removed, and then with the lists that did not open, without a
// webhook's id.
type Changes []Change

// Count returns how many changes are of that action.
func (c Changes) Count(action entry.Action) int {
	n := 0
	for _, change := range c {
		if change.Action == action {
			n++
		}
	}
	return n
}

// Webhooks are those that are seeded. There may be hundreds of thousands, so that each is
// made only while it is needed, and more than once.
type Webhooks interface {
	Len() int
	At(i int) *lead.Webhook
}

type list []lead.Webhook

func (l list) Len() int               { return len(l) }
func (l list) At(i int) *lead.Webhook { return &l[i] }

// Seed writes webhooks and returns what it did with each. Webhooks that are not among
// them stay as they are, unless the options say otherwise. An advertiser's webhooks
// change all at once.
//
// Nothing is written if a webhook is not valid, an id is given twice, an id belongs to
// another advertiser (it stays with its advertiser for ever), or an advertiser would get
// more webhooks than it may have. After any other error some may have been written: the
// Changes say which, and seeding the same webhooks again completes it. If somebody else
// changes one of the webhooks after it was compared, as while Confirm asks, it stays as it
// is then, and the error wraps [ErrConflict].
func (e *Editor) Seed(ctx context.Context, hooks []lead.Webhook, opts SeedOptions) (Changes, error) {
	return e.SeedAll(ctx, list(hooks), opts)
}

// SeedAll is [Editor.Seed] of many webhooks.
func (e *Editor) SeedAll(ctx context.Context, hooks Webhooks, opts SeedOptions) (Changes, error) {
	own := *e
	s := &seeding{Editor: &own, SeedOptions: opts, hooks: hooks}
	if err := s.take(); err != nil {
		return nil, err
	}
	var err error
	if s.epochNow, err = s.epochFor(ctx); err != nil {
		return nil, fmt.Errorf("beginning to seed: %w; nothing was written", err)
	}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	if opts.DryRun {
		return s.changes(), nil
	}
	if err := s.claim(ctx, s.epochNow, s.given); err != nil {
		return nil, fmt.Errorf("claiming webhook ids: %w; no webhook was written, seed again", err)
	}
	err = s.write(ctx)
	if err == nil {
		err = s.Log.Open(ctx, s.epochNow)
	}
	done := s.changes()
	if err != nil {
		return done, fmt.Errorf("seeding: %w; %d of %d webhooks are done, seed again to complete it", err, len(done)-done.Count(entry.Discarded), s.total)
	}
	return done, nil
}

// epochFor returns the epoch to write for. It is empty for a dry run on a topic without
// one.
func (s *seeding) epochFor(ctx context.Context) (string, error) {
	if !s.DryRun {
		return s.Log.Begin(ctx)
	}
	epoch, err := s.Log.Begun(ctx)
	if errors.Is(err, follow.ErrNotBegun) {
		return "", nil
	}
	return epoch, err
}
