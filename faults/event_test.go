//go:build faults

package faults

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"
)

// An event is what the checker reads of a lead event.
type event struct {
	Advertiser string `json:"advertiser_id"`
	Trigger    string
	Lead       struct {
		ID        json.Number
		EventType string `json:"event_type"`
	}
}

func parseEvent(t *testing.T, m *kafka.Message) (ev event) {
	t.Helper()
	if err := json.Unmarshal(m.Value, &ev); err != nil {
		t.Fatalf("%s/%d/%d: %v", m.Topic, m.Partition, m.Offset, err)
	}
	return ev
}

// bodyOf is the sum of what a webhook gets of an event: all of this suite's have the
// format JSON, which is the lead object byte for byte.
func bodyOf(t *testing.T, m *kafka.Message) uint64 {
	t.Helper()
	var ev struct{ Lead json.RawMessage }
	if err := json.Unmarshal(m.Value, &ev); err != nil {
		t.Fatalf("%s/%d/%d: %v", m.Topic, m.Partition, m.Offset, err)
	}
	return sum(slices.Concat([]byte(`{"lead": `), ev.Lead, []byte(`}`)))
}

// wants says whether the event is one for the webhook.
func (h *hook) wants(ev *event) bool {
	return h.Active && h.Advertiser == ev.Advertiser && h.Event == ev.Trigger && slices.Contains(h.LeadTypes, ev.Lead.EventType+"s")
}

// delivery is the id that the contract gives to the event for a webhook.
func (ev *event) delivery(webhook string) (id deliveryID) {
	parts := []string{ev.Advertiser, ev.Lead.ID.String(), ev.Trigger, webhook, ""}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	copy(id[:], sum[:])
	return id
}

// deliveryOf is which delivery a retry record or a dead letter is about; zero:
// none.
func deliveryOf(m *kafka.Message) deliveryID {
	id, _ := parseDelivery(header(m, "leadhook.delivery"))
	return id
}

func header(m *kafka.Message, key string) string {
	for _, h := range m.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}
