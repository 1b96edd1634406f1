package entry

import "time"

// A Change is one change of an advertiser's webhooks.
type Change struct {
	ID   string
	At   time.Time
	By   string // who made it, as that person or program said
	With string // the tool that made it, such as "leadhook seed"

	// Webhooks are those that were changed. They are missing from older changes if
	// all together would take too much room.
	Webhooks []WebhookChange
}

// Action is what a change did with a webhook.
type Action string

// What a change can do with a webhook.
const (
	Added    Action = "added"
	Changed  Action = "changed"
	Removed  Action = "removed"
	Enabled  Action = "enabled"  // leadhook had set it inactive; now it tries again
	Disabled Action = "disabled" // leadhook itself set it inactive

	// Discarded is what was done with an advertiser's whole list, which did not open. Its
	// change names no webhook.
	Discarded Action = "discarded"
)

// A WebhookChange is what a change did with one webhook.
type WebhookChange struct {
	Webhook string // empty if Action is Discarded
	Action  Action
	Fields  []FieldChange // what was changed; empty unless Action is Changed
}

// A FieldChange is a field before and after a change, as it may be shown: with secrets
// masked. Before and After are the same if only what is masked differs, and empty if the
// field is not set.
type FieldChange struct{ Field, Before, After string }

type changeJSON struct {
	ID       string              `json:"id"`
	At       time.Time           `json:"at"`
	By       string              `json:"by,omitempty"`
	With     string              `json:"with,omitempty"`
	Webhooks []webhookChangeJSON `json:"webhooks,omitempty"`
}

type webhookChangeJSON struct {
	Webhook string      `json:"id"`
	Action  Action      `json:"action"`
	Fields  [][3]string `json:"fields,omitempty"`
}

// maxHistoryBytes is about how many bytes of a list its history may take.
const maxHistoryBytes = 64 << 10

// encodeHistory returns the newest changes; those for which there is no room keep only
// their ids, times and authors.
func encodeHistory(history []Change) []changeJSON {
	history = history[:min(len(history), MaxHistory)]
	encoded := make([]changeJSON, len(history))
	room := maxHistoryBytes
	for i, c := range history {
		encoded[i] = changeJSON{ID: c.ID, At: c.At.UTC(), By: c.By, With: c.With}
		for _, w := range c.Webhooks {
			change := webhookChangeJSON{Webhook: w.Webhook, Action: w.Action}
			room -= 64 + len(w.Webhook)
			for _, f := range w.Fields {
				change.Fields = append(change.Fields, [3]string{f.Field, f.Before, f.After})
				room -= 16 + len(f.Field) + len(f.Before) + len(f.After)
			}
			encoded[i].Webhooks = append(encoded[i].Webhooks, change)
		}
		if room < 0 {
			encoded[i].Webhooks = nil
		}
	}
	return encoded
}

func decodeHistory(encoded []changeJSON) []Change {
	history := make([]Change, len(encoded))
	for i, c := range encoded {
		history[i] = Change{ID: c.ID, At: c.At, By: c.By, With: c.With}
		for _, w := range c.Webhooks {
			change := WebhookChange{Webhook: w.Webhook, Action: w.Action}
			for _, f := range w.Fields {
				change.Fields = append(change.Fields, FieldChange{f[0], f[1], f[2]})
			}
			history[i].Webhooks = append(history[i].Webhooks, change)
		}
	}
	return history
}
