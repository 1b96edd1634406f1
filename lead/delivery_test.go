package lead_test

import (
	"testing"

	"github.com/leadhook/leadhook/lead"
)

// The wanted ids were made with
//
//	printf '%s\0' USA_332240 480015501 new_contact 84+TEST_1 | sha256sum | cut -c1-32
//
// CRMs remember ids: they must not change between versions.
func TestDeliveryID(t *testing.T) {
	ev := lead.Event{AdvertiserID: "USA_332240", LeadID: "480015501"}
	for trigger, want := range map[lead.Trigger]string{
		lead.NewContact:      "dlv_98a1a89e7df92024f58a6ff17cdc5f33",
		lead.ExistingContact: "dlv_8de943e50ffb8ad4c214479a993805e7",
	} {
		ev.Trigger = trigger
		if got := lead.DeliveryID(&ev, "84+TEST_1"); got != want {
			t.Errorf("%s: got %s, want %s", trigger, got, want)
		}
	}
}

func TestDeliveryIDTellsDeliveriesApart(t *testing.T) {
	seen := map[string]string{}
	for _, advertiser := range []string{"A_1", "A_11"} {
		for _, id := range []string{"1", "11", "111"} {
			for _, trigger := range []lead.Trigger{lead.NewContact, lead.ExistingContact} {
				for _, hook := range []string{"", "1", "new_contact"} {
					ev := &lead.Event{AdvertiserID: advertiser, LeadID: id, Trigger: trigger}
					this := advertiser + " " + id + " " + string(trigger) + " " + hook
					got := lead.DeliveryID(ev, hook)
					if other, ok := seen[got]; ok {
						t.Errorf("%q and %q have the same id %s", this, other, got)
					}
					seen[got] = this
				}
			}
		}
	}
}

func TestDeliveryIDIgnoresTheRestOfTheEvent(t *testing.T) {
	const rest = `"published_at":"2026-11-23T16:12:09Z","test":true,`
	again := `{` + rest + `"trigger":"new_contact","advertiser_id":"USA_332240","lead":{"event_type":"chat","id":"7","x":1}}`
	first, err := lead.Decode([]byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	second, err := lead.Decode([]byte(again))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := lead.DeliveryID(second, "w"), lead.DeliveryID(first, "w"); got != want {
		t.Errorf("the same lead published again: got %s, want %s as before", got, want)
	}
}
