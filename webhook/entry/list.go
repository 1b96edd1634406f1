package entry

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/leadhook/leadhook/lead"
)

// A List is what an advertiser's entry holds: its webhooks, and how they came about.
type List struct {
	Webhooks []*lead.Webhook // sorted by id; those that are stored but cannot be used have Damaged set
	History  []Change        // the last [MaxHistory] changes, the newest first

	damaged map[string]webhookJSON // the records of damaged webhooks, which are kept as they are
}

// MaxHistory is how many changes a list remembers.
const MaxHistory = 20

// Has reports whether a change is among those that the list remembers.
func (l *List) Has(change string) bool {
	return slices.ContainsFunc(l.History, func(c Change) bool { return c.ID == change })
}

// Webhook returns the webhook with that id, and nil if there is none.
func (l *List) Webhook(id string) *lead.Webhook {
	for _, h := range l.Webhooks {
		if h.ID == id {
			return h
		}
	}
	return nil
}

// listJSON is the contents of an advertiser's box. Later versions may add fields that
// this one ignores; everything else changes the version.
type listJSON struct {
	Version  int           `json:"v"`
	Webhooks []webhookJSON `json:"webhooks"`
	History  []changeJSON  `json:"history"`
}

const listVersion = 1

// SealList returns the entry of an advertiser's webhooks. The error wraps [ErrTooLarge],
// or says that sealing failed. Damaged webhooks stay as they were in the list that they
// were opened in.
func SealList(boxes Boxes, advertiser string, stamp Stamp, l *List) (*Entry, error) {
	if err := AllowsSecrets(boxes, l.Webhooks...); err != nil {
		return nil, err
	}
	contents := listJSON{Version: listVersion, Webhooks: make([]webhookJSON, len(l.Webhooks)), History: encodeHistory(l.History)}
	for i, h := range l.Webhooks {
		contents.Webhooks[i] = encodeWebhook(h)
		if h.Damaged != "" {
			contents.Webhooks[i] = l.damaged[h.ID]
		}
	}
	return seal(boxes, advertiser, stamp, &contents)
}

// OpenList returns the webhooks of an advertiser from its entry, with their history. The
// error says why the whole entry cannot be used.
func OpenList(boxes Boxes, advertiser string, e *Entry) (*List, error) {
	l, c, err := openList(boxes, advertiser, e)
	if err != nil {
		return nil, err
	}
	var history []changeJSON
	if !isNull(c.history) {
		if err := readOther(c.history, &history); err != nil {
			return nil, err
		}
	}
	l.History = decodeHistory(history)
	return l, nil
}

// OpenWebhooks is [OpenList] without the history, which a look-up does not need.
func OpenWebhooks(boxes Boxes, advertiser string, e *Entry) ([]*lead.Webhook, error) {
	l, _, err := openList(boxes, advertiser, e)
	if err != nil {
		return nil, err
	}
	return l.Webhooks, nil
}

// openList returns the list without its history, which is in the contents.
func openList(boxes Boxes, advertiser string, e *Entry) (*List, *contents, error) {
	c, err := openContents(boxes, advertiser, e)
	if err != nil {
		return nil, nil, err
	}
	l := &List{}
	if err := c.readWebhooks(func(w *webhookJSON) { l.add(advertiser, w) }); err != nil {
		return nil, nil, err
	}
	slices.SortFunc(l.Webhooks, func(a, b *lead.Webhook) int { return strings.Compare(a.ID, b.ID) })
	return l, c, nil
}

// checkVersion returns an error if the contents have another layout.
func (c *contents) checkVersion() error {
	version := 0
	if !isNull(c.version) {
		if err := readOther(c.version, &version); err != nil {
			return err
		}
	}
	if version != listVersion {
		return fmt.Errorf("its contents have layout %d, this version of leadhook reads layout %d", version, listVersion)
	}
	return nil
}

// Take adds a webhook that is stored in the layout of before, which had only its settings
// in it, as JSON. If they cannot be used the webhook has Damaged set and keeps them. The
// error means that they are not even JSON.
func (l *List) Take(advertiser, id string, settings []byte, disabled lead.Disabled) error {
	w := webhookJSON{ID: id}
	if err := json.Unmarshal(settings, &w.settingsJSON); err != nil {
		return errors.New("it is not JSON")
	}
	if disabled != (lead.Disabled{}) {
		w.Disabled = encodeDisabled(disabled)
	}
	l.add(advertiser, &w)
	return nil
}

// With returns a list that also has those webhooks of another list of the advertiser whose
// ids it does not have, and what is different. Webhooks that its history says were removed
// are not brought back.
func (l *List) With(other *List) (*List, []WebhookChange) {
	both := &List{Webhooks: slices.Clone(l.Webhooks), History: l.History, damaged: maps.Clone(l.damaged)}
	var added []WebhookChange
	for _, h := range other.Webhooks {
		if l.Webhook(h.ID) != nil || l.removed(h.ID) {
			continue
		}
		both.Webhooks = append(both.Webhooks, h)
		added = append(added, WebhookChange{Webhook: h.ID, Action: Added})
		if h.Damaged != "" {
			both.keep(other.damaged[h.ID])
		}
	}
	return both, added
}

// removed reports whether the last change of a webhook removed it, as far as the history
// goes back.
func (l *List) removed(id string) bool {
	for _, c := range l.History {
		for _, w := range c.Webhooks {
			if w.Webhook == id {
				return w.Action == Removed
			}
		}
	}
	return false
}

// keep remembers the record of a damaged webhook.
func (l *List) keep(w webhookJSON) {
	if l.damaged == nil {
		l.damaged = make(map[string]webhookJSON)
	}
	l.damaged[w.ID] = w
}

// add decodes a webhook and adds it.
func (l *List) add(advertiser string, w *webhookJSON) {
	h := decodeWebhook(advertiser, w)
	l.Webhooks = append(l.Webhooks, h)
	if h.Damaged != "" {
		l.keep(*w)
	}
}
