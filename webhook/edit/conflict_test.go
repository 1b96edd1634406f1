package edit_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/edit"
)

// TestWhatChangesWhileASeedAsksIsNotOverwritten has another writer change something after
// the seed has compared and before it writes.
func TestWhatChangesWhileASeedAsksIsNotOverwritten(t *testing.T) {
	r := newRig(t)
	other := &edit.Editor{Log: r.log, By: "bob", With: "a script"}
	at := func(h lead.Webhook, url string) lead.Webhook {
		h.URL = "https://crm.example.com/" + url
		return h
	}
	seeds := func(t *testing.T, h lead.Webhook) {
		t.Helper()
		if _, err := other.Seed(r.within(), []lead.Webhook{h}, edit.SeedOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	const changed, as, old, fresh = "changed", "as", "old", "fresh" // webhooks of A: to be changed, to stay, to be removed, to be added
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T)
		about     string // the webhook that the seed is told of; empty: none
		want      string // of A afterwards
	}{
		"nothing":                    {func(*testing.T) {}, "", " as changed fresh"},
		"what is to be changed":      {func(t *testing.T) { seeds(t, at(hook("A", changed), "other")) }, changed, " as changed old"},
		"what is as it shall be":     {func(t *testing.T) { seeds(t, at(hook("A", as), "other")) }, as, " as changed old"},
		"what is to be removed":      {func(t *testing.T) { seeds(t, at(hook("A", old), "other")) }, old, " as changed old"},
		"what is to be added":        {func(t *testing.T) { seeds(t, at(hook("A", fresh), "other")) }, fresh, " as changed fresh old"},
		"what is changed is removed": {func(t *testing.T) { _ = other.Remove(r.within(), changed) }, changed, " as old"},
		"the same":                   {func(t *testing.T) { seeds(t, at(hook("A", changed), "wanted")) }, "", " as changed fresh"},
		"removed as well":            {func(t *testing.T) { _ = other.Remove(r.within(), old) }, "", " as changed fresh"},
		"another one":                {func(t *testing.T) { seeds(t, hook("A", "x")) }, "", " as changed fresh x"},
		"disabled by the service": {func(t *testing.T) {
			h, _ := webhook.Catalog{Log: r.log}.Find(r.within(), changed)
			_, _ = other.Disable(r.within(), h, lead.Disabled{At: time.Now(), Reason: lead.Gone, Status: 410})
		}, changed, " as changed disabled old"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, hooks := range [][]lead.Webhook{nil, {hook("A", changed), hook("A", as), hook("A", old)}} {
				if _, err := r.editor.Seed(r.within(), hooks, edit.SeedOptions{Prune: true}); err != nil {
					t.Fatal(err)
				}
			}
			asked := 0
			_, err := r.editor.Seed(r.within(), []lead.Webhook{at(hook("A", changed), "wanted"), hook("A", as), hook("A", fresh)}, edit.SeedOptions{
				Prune: true, Confirm: func(edit.Loss) error { asked++; c.meanwhile(t); return nil },
			})
			switch {
			case asked != 1:
				t.Errorf("asked %d times, want once", asked)
			case c.about == "" && err != nil:
				t.Errorf("got %v, want it done", err)
			case c.about != "" && (!errors.Is(err, edit.ErrConflict) || !strings.Contains(err.Error(), `webhook "`+c.about+`"`) || !strings.Contains(err.Error(), "bob (a script)")):
				t.Errorf("got %v, want that bob has changed %s", err, c.about)
			}
			if got := r.ids("A"); got != c.want {
				t.Errorf("A has%s, want%s", got, c.want)
			}
		})
	}
}
