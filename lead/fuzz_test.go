package lead_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/leadhook/leadhook/examples"
	"github.com/leadhook/leadhook/lead"
)

// FuzzDecode compares Decode with encoding/json: whatever Decode takes,
// encoding/json reads the same identity from it.
func FuzzDecode(f *testing.F) {
	for _, kind := range []lead.Kind{lead.KindCall, lead.KindChat, lead.KindForm, lead.KindEmail} {
		f.Add(examples.Event(kind))
	}
	for _, seed := range []string{minimal, "\ufeff" + minimal, with(`,"advertiſer_id":"B"`), with(`,"x":{"a":[1,"]"]}`),
		inLead(`"id":"18446744073709551616","event_type":"form","form":{"sub_type":"FormEmail"}`), `{"lead":`, `[]`,
		"\x00\x00\x00\x00\x11" + minimal, "\xff\xfe{\x00", quote(quote(minimal)), `{"specversion":"1.0","data":{}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		before := bytes.Clone(value)
		ev, err := lead.Decode(value)
		if !bytes.Equal(before, value) {
			t.Fatalf("Decode changed the event from %q to %q", before, value)
		}
		if err != nil {
			refusal, ok := errors.AsType[*lead.Refusal](err)
			if !ok || refusal.Reason == "" || refusal.Text == "" || ev != nil {
				t.Fatalf("got event %v and error %#v, want no event and a refusal with reason and text", ev, err)
			}
			return
		}
		agrees(t, ev, value)
	})
}

func agrees(t *testing.T, ev *lead.Event, value []byte) {
	var want struct {
		AdvertiserID string          `json:"advertiser_id"`
		Trigger      string          `json:"trigger"`
		Lead         json.RawMessage `json:"lead"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(value, []byte("\ufeff")), &want); err != nil {
		t.Fatalf("Decode took what encoding/json does not: %v", err)
	}
	var in struct {
		ID        json.RawMessage `json:"id"`
		EventType string          `json:"event_type"`
	}
	if err := json.Unmarshal(want.Lead, &in); err != nil {
		t.Fatalf("Decode took a lead that encoding/json does not: %v", err)
	}
	trigger, _ := lead.ParseTrigger(strings.TrimSpace(want.Trigger))
	if ev.AdvertiserID != strings.TrimSpace(want.AdvertiserID) || ev.Trigger != trigger || ev.LeadID != digits(t, in.ID) {
		t.Errorf("got advertiser %q, trigger %q, lead %q; encoding/json reads %q, %q, %s",
			ev.AdvertiserID, ev.Trigger, ev.LeadID, want.AdvertiserID, want.Trigger, in.ID)
	}
	if !bytes.Equal(ev.Lead, want.Lead) || !json.Valid(ev.Lead) || !within(ev.Lead, value) {
		t.Errorf("got lead %q, want the part %q of the event itself", ev.Lead, want.Lead)
	}
	if n := utf8.RuneCountInString(ev.AdvertiserID); n == 0 || n > lead.MaxAdvertiserID || len(ev.LeadID) > 20 {
		t.Errorf("got advertiser %q of %d characters and lead %q, want them within the limits", ev.AdvertiserID, n, ev.LeadID)
	}
	if (ev.Kind == lead.KindOther) == slices.Contains([]string{"call", "chat", "form"}, strings.TrimSpace(in.EventType)) {
		t.Errorf("got kind %s for event type %q", ev.Kind, in.EventType)
	}
}

func digits(t *testing.T, id json.RawMessage) string {
	var number json.Number
	if err := json.Unmarshal(id, &number); err == nil {
		return number.String()
	}
	var s string
	if err := json.Unmarshal(id, &s); err != nil {
		t.Fatalf("lead.id %s is neither number nor string", id)
	}
	return strings.TrimSpace(s)
}

// within says whether part is a piece of whole's own memory.
func within(part, whole []byte) bool {
	for i := range whole {
		if &whole[i] == &part[0] {
			return len(part) <= len(whole)-i
		}
	}
	return false
}
