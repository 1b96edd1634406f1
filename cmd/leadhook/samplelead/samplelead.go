// Package samplelead makes lead events with invented people, each with a lead.id of
// its own. `leadhook publish --sample`, `leadhook webhooks test` and `leadhook dev`
// send them. It knows neither Kafka nor webhooks.
package samplelead

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/leadhook/leadhook/examples"
	"github.com/leadhook/leadhook/lead"
)

// Advertiser is an advertiser with webhooks in `leadhook dev`.
const Advertiser = "USA_332240"

// New returns a function that makes one event for an advertiser, from the example
// of that kind. Each is marked as a test lead, so that no CRM takes an invented
// person for a customer, and has a fresh lead.id.
func New(kind lead.Kind, trigger lead.Trigger) (func(advertiser string) []byte, error) {
	var event map[string]any
	in := json.NewDecoder(bytes.NewReader(examples.Event(kind)))
	in.UseNumber()
	if err := in.Decode(&event); err != nil {
		return nil, fmt.Errorf("the example event of kind %s: %w", kind, err)
	}
	body, ok := event["lead"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the example event of kind %s has no lead", kind)
	}
	// Ids rise, as those of a platform do, from a random one.
	const digits = 1_000_000_000_000_000 // exact in every language
	id := digits/10 + rand.Int64N(digits*8/10)
	return func(advertiser string) []byte {
		now := time.Now().UTC().Format(time.RFC3339)
		event["advertiser_id"], event["trigger"], event["test"] = advertiser, trigger, true
		if advertiser != Advertiser {
			delete(event, "advertiser") // the name and phone are those of the example's advertiser
		}
		event["published_at"], event["event_id"] = now, fmt.Sprintf("sample-%016x", rand.Uint64())
		id++
		body["id"] = id
		body["occured_at"], body["created_at"] = now, now
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(event); err != nil {
			panic(err) // it was decoded from JSON a moment ago
		}
		return bytes.TrimSpace(out.Bytes())
	}, nil
}
