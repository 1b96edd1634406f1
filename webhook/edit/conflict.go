package edit

import (
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/entry"
)

// A fingerprint of a webhook differs from that of everything else that the webhook may
// become. It is a hash, so that a seed can keep those of all its webhooks. That of no
// webhook is zero.
type fingerprint uint64

var fingerprintSeed = maphash.MakeSeed()

func fingerprintOf(h *lead.Webhook) fingerprint {
	if h == nil {
		return 0
	}
	return 1 | fingerprint(maphash.Comparable(fingerprintSeed, struct {
		version, damaged string
		reason           lead.Reason
		status           int
		at               int64
	}{h.Version, h.Damaged, h.Disabled.Reason, h.Disabled.Status, h.Disabled.At.UnixNano()}))
}

// fingerprintsIn returns the fingerprints of the webhooks in a list, by their ids.
func fingerprintsIn(l *entry.List) func(webhook string) fingerprint {
	return func(webhook string) fingerprint { return fingerprintOf(l.Webhook(webhook)) }
}

// conflict returns [ErrConflict] if a webhook that is to be changed is no longer what it
// was before.
func conflict(edits []entry.WebhookChange, before func(webhook string) fingerprint, now *entry.List) error {
	for _, edited := range edits {
		if before(edited.Webhook) == fingerprintOf(now.Webhook(edited.Webhook)) {
			continue
		}
		for _, c := range now.History {
			if slices.ContainsFunc(c.Webhooks, func(w entry.WebhookChange) bool { return w.Webhook == edited.Webhook }) {
				return fmt.Errorf("webhook %q: %w: %s (%s) at %s", edited.Webhook, ErrConflict, c.By, c.With, c.At.UTC().Format(time.RFC3339))
			}
		}
		return fmt.Errorf("webhook %q: %w", edited.Webhook, ErrConflict)
	}
	return nil
}
