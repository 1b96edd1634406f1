package examples_test

import (
	"testing"

	"github.com/leadhook/leadhook/examples"
	"github.com/leadhook/leadhook/lead"
)

func TestEventIsOfItsKind(t *testing.T) {
	for _, kind := range []lead.Kind{lead.KindCall, lead.KindChat, lead.KindForm, lead.KindEmail} {
		ev, err := lead.Decode(examples.Event(kind))
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if ev.Kind != kind || ev.Test {
			t.Errorf("%s: got kind %s and test %v, want this kind and no test", kind, ev.Kind, ev.Test)
		}
	}
}

func TestEventsDifferInLeadID(t *testing.T) {
	seen := map[string]lead.Kind{}
	for _, kind := range []lead.Kind{lead.KindCall, lead.KindChat, lead.KindForm, lead.KindEmail} {
		ev, err := lead.Decode(examples.Event(kind))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if other, ok := seen[ev.LeadID]; ok {
			t.Errorf("%s and %s have the same lead.id %s", kind, other, ev.LeadID)
		}
		seen[ev.LeadID] = kind
	}
}

func TestNoEventOfOtherKinds(t *testing.T) {
	if got := examples.Event(lead.KindOther); got != nil {
		t.Errorf("got an event of %d bytes, want none", len(got))
	}
}

func TestEventMayBeChanged(t *testing.T) {
	first := examples.Event(lead.KindCall)
	clear(first)
	if _, err := lead.Decode(examples.Event(lead.KindCall)); err != nil {
		t.Errorf("after the caller changed its copy: %v", err)
	}
}
