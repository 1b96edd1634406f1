package lead_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/examples"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/jsonscan"
)

func TestMask(t *testing.T) {
	event := ` {"schema_version": 1, "event_id": "0197a3f0-1d44-7c02-8a61-6b1e4f0a2c02", "advertiser_id": "USA_332240",
		"trigger": "new_lead", "published_at": "2026-11-23T18:41:30Z", "test": true, "hush": 1, "lead.id": 13095550100,
		"advertiser": {"name": "hush", "url": null, "phone": "", "time_zone": "hush"},
		"lead": {"event_type": "form", "id": "18446744073709551616", "tags": ["hush", [], {}, "hush"], "status": "hush",
			"created_at": "2026-11-23 12:33:05 -06:00", "occured_at": "hush 2026-11-23", "notes": 13095550100, "read_at": false,
			"contact": {"id": 31860077, "first_name": "hush", "status": "client", "state": "hush"},
			"call": {"duration": "03:47", "caller_number": "13095550100"},
			"form": {"sub_type": "FormEmail", "extra_fields": {"hush": "hush", "VIN": "hush", "vin": "hush", "id": "hush"}}}} `
	const want = `{"schema_version":1,"event_id":"0197a3f0-1d44-7c02-8a61-6b1e4f0a2c02","advertiser_id":"USA_332240",` +
		`"trigger":"new_lead","published_at":"2026-11-23T18:41:30Z","test":true,"***":"***","***":"***",` +
		`"advertiser":{"name":"***","url":null,"phone":"","time_zone":"***"},` +
		`"lead":{"event_type":"form","id":"18446744073709551616","tags":["***",[],{},"***"],"status":"***",` +
		`"created_at":"2026-11-23 12:33:05 -06:00","occured_at":"***","notes":"***","read_at":"***",` +
		`"contact":{"id":31860077,"first_name":"***","status":"client","state":"***"},` +
		`"call":{"duration":"03:47","caller_number":"***"},` +
		`"form":{"sub_type":"FormEmail","extra_fields":{"***":"***","***":"***","vin":"***","id":"***"}}}}`
	got, err := lead.Mask([]byte(event))
	if err != nil || string(got) != want {
		t.Errorf("got error %v and\n%s\nwant\n%s", err, got, want)
	}
}

func TestMaskRefusesWhatIsNoEvent(t *testing.T) {
	for _, event := range []string{``, `{"hush":1}`, "\xff", `{"advertiser_id":"A","trigger":"new_contact","lead":{"hush":1}}`} {
		got, err := lead.Mask([]byte(event))
		if _, refused := errors.AsType[*lead.Refusal](err); !refused || got != nil {
			t.Errorf("%q: got %s, error %v, want a refusal", event, got, err)
		}
	}
}

func TestMaskOfWhatIsNestedDeeply(t *testing.T) {
	event := with(`,"x":` + strings.Repeat(`{"contact":[`, 4000) + strings.Repeat(`]}`, 4000))
	if got, err := lead.Mask([]byte(event)); err != nil || len(got) > 1000 || !json.Valid(got) {
		t.Errorf("got %d bytes, error %v, want few, and JSON", len(got), err)
	}
}

// FuzzMask has a secret in every value that may hold a text, and in names.
func FuzzMask(f *testing.F) {
	for _, kind := range []lead.Kind{lead.KindCall, lead.KindChat, lead.KindForm, lead.KindEmail} {
		f.Add(examples.Event(kind))
	}
	f.Add([]byte(with(`,"x":{"a":[1,"]"]}`)))
	f.Fuzz(func(t *testing.T, event []byte) {
		ev, err := lead.Decode(event)
		got, refused := lead.Mask(event)
		if (err == nil) != (refused == nil) {
			t.Fatalf("Decode says %v, Mask %v", err, refused)
		}
		if err != nil {
			return
		}
		if !json.Valid(got) {
			t.Fatalf("not JSON: %s", got)
		}
		again, err := lead.Decode(bytes.ReplaceAll(got, []byte(`"***":`), []byte(`"x":`)))
		if err == nil && (again.AdvertiserID != ev.AdvertiserID || again.LeadID != ev.LeadID) {
			t.Fatalf("got %s/%s, want the ids %s/%s", again.AdvertiserID, again.LeadID, ev.AdvertiserID, ev.LeadID)
		}
		names(t, got)
	})
}

// names fails on a name that no lead event has.
func names(t *testing.T, raw []byte) {
	for name, value := range jsonscan.Members(raw) {
		if strings.ToLower(string(name)) != string(name) || strings.ContainsAny(string(name), " @+") || len(name) > 25 {
			t.Fatalf("the name %q shows", name)
		}
		names(t, value)
	}
	for value := range jsonscan.Elements(raw) {
		names(t, value)
	}
}
