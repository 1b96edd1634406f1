package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/edit"
)

// disable does what the service does with a webhook whose CRM is gone.
func (r *rig) disable(h hook) {
	r.t.Helper()
	editor := &edit.Editor{Log: r.webhooks(), By: "leadhook", With: "leadhook run"}
	at := time.Date(2026, 11, 23, 16, 12, 9, 0, time.UTC)
	if done, err := editor.Disable(r.t.Context(), r.find(h.ID), lead.Disabled{At: at, Reason: lead.Gone, Status: 410}); !done || err != nil {
		r.t.Fatal(done, err)
	}
}

func TestExplainGivesTheOneReasonOfEachWebhook(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	advertiser := r.name("USA_1")
	wants, damaged, disabled := r.hook("1-wants", advertiser), r.hook("2-damaged", advertiser), r.hook("3-disabled", advertiser)
	inactive, trigger, types := r.hook("4-inactive", advertiser), r.hook("5-trigger", advertiser), r.hook("6-types", advertiser)
	inactive.Active = false
	trigger.Event, trigger.Active = "new_lead", false
	types.LeadTypes = []string{"calls", "chats"}
	r.seed(wants, damaged, disabled, inactive, trigger, types, r.hook("other", r.name("USA_2")))
	damage(t, r, damaged)
	r.disable(disabled)

	in := event(advertiser, "new_contact", "form", 7)
	got := r.must(in, "explain", "-")
	for _, want := range []string{
		"Lead 7 of advertiser " + advertiser + ": form, new_contact\n",
		wants.ID + "     yes       -\n",
		"no        the webhook's stored record cannot be used", "; the lead would become a dead letter\n",
		"no        leadhook set the webhook inactive at 2026-11-23T16:12:09Z because its CRM answered 410 Gone; ",
		"no        its advertiser has it inactive; since when is not recorded\n",
		"no        it takes leads of the trigger existing_contact, this one raised new_contact\n",
		"no        it takes calls and chats, this lead is of the kind form\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got no %q in:\n%s", want, got)
		}
	}
	reasons := map[string]string{}
	var found explanation
	if err := json.Unmarshal([]byte(r.must(in, "explain", "-", "-o", "json")), &found); err != nil {
		t.Fatal(err)
	}
	for _, row := range found.Webhooks {
		reasons[row.Webhook] = fmt.Sprintln(row.Wants, row.Delivery != "", row.Reason)
	}
	want := map[string]string{
		wants.ID: "true true \n", damaged.ID: "false false webhook_damaged\n", disabled.ID: "false false webhook_disabled\n",
		inactive.ID: "false false inactive\n", trigger.ID: "false false other_trigger\n", types.ID: "false false lead_type\n",
	}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

func TestExplainWithoutAReaderOfTheLead(t *testing.T) {
	t.Parallel()
	r := newWebhookRig(t)
	advertiser := r.name("USA_1")
	in := event(advertiser, "new_contact", "sms", 7)
	if got := r.leadhook(in, "explain", "-"); got.code != exitFailed || !strings.Contains(got.errs, "leadhook seed FILE") {
		t.Errorf("before a seed: got exit code %d, want 1 and what to do:\n%s", got.code, got.errs)
	}
	r.seed(r.hook("one", r.name("USA_2")))
	if got := r.must(in, "explain", "-"); !strings.Contains(got, "has no webhooks") {
		t.Errorf("no webhooks: got\n%s", got)
	}
	r.seed(r.hook("two", advertiser))
	if got := r.must(in, "explain", "-"); !strings.Contains(got, "no webhook takes leads of this event_type") {
		t.Errorf("an unknown event_type: got\n%s", got)
	}
}

// TestExplainOfARefusedEvent needs no Redis: there is none.
func TestExplainOfARefusedEvent(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, reason, text string }{
		{"hush", "not_json", "not JSON"},
		{`{"trigger":"new_contact"}`, "no_advertiser", "advertiser_id is missing"},
		{`{"advertiser_id":"A","Advertiser_id":"hush"}`, "ambiguous_field", "advertiser_id is given twice"},
		{strings.Repeat(" ", 2048) + "{}", "too_large", "2050 bytes, at most 1024"},
	} {
		r := &rig{environ: []string{"LEADHOOK_KAFKA_MAX_EVENT_BYTES=1KiB", "LEADHOOK_REDIS_URL=redis://127.0.0.1:1"}}
		got := r.leadhook(tc.in, "explain", "-")
		if got.code != exitFailed || got.errs != "" || !containsAll(got.out, "would be refused", tc.reason, tc.text) || strings.Contains(got.out, "hush") {
			t.Errorf("%s: got exit code %d and\n%s%s", tc.reason, got.code, got.out, got.errs)
		}
		var found explanation
		got = r.leadhook(tc.in, "explain", "-", "-o", "json")
		if err := json.Unmarshal([]byte(got.out), &found); err != nil || found.Refused == nil || found.Refused.Reason != tc.reason {
			t.Errorf("%s: got error %v and %s", tc.reason, err, got.out)
		}
	}
}
