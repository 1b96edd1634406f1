package edit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/edit"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/topic"
)

// spoil stores something under a key that counts and does not open, as if its key were
// lost.
func (r *rig) spoil(key string) {
	r.t.Helper()
	epoch, err := r.log.Epoch(r.within())
	if err != nil {
		r.t.Fatal(err)
	}
	e := entry.Entry{Stamp: entry.Stamp{Epoch: epoch, Number: 100, Change: entry.NewID()}, Box: []byte("lhk1 lost")}
	if err := r.log.Topic.Append(r.within(), []topic.Record{{Key: key, Value: e.Value()}}); err != nil {
		r.t.Fatal(err)
	}
}

// replaces seeds with ReplaceDamaged, and returns what was asked.
func (r *rig) replaces(opts edit.SeedOptions, hooks ...lead.Webhook) (asked edit.Loss, changes edit.Changes, err error) {
	opts.ReplaceDamaged = true
	says := opts.Confirm
	opts.Confirm = func(loss edit.Loss) error {
		if asked = loss; says != nil {
			return says(loss)
		}
		return nil
	}
	changes, err = r.editor.Seed(r.within(), hooks, opts)
	return asked, changes, err
}

func TestAListThatDoesNotOpenIsReplaced(t *testing.T) {
	r := newRig(t)
	r.seed(hook("A", "a1"), hook("A", "a2"), hook("B", "b1"))
	r.spoil("A")
	damaged := r.ids("A")
	end, _ := r.log.Topic.End(r.within())
	wanted := []lead.Webhook{hook("A", "a1"), hook("A", "a3"), hook("B", "b2")}
	if _, err := r.editor.Seed(r.within(), wanted, edit.SeedOptions{}); err == nil || !strings.Contains(err.Error(), "--replace-damaged") {
		t.Errorf("a seed as usual: got %v, want it refused, and what to do", err)
	}
	if _, changes, err := r.replaces(edit.SeedOptions{DryRun: true}, wanted...); err != nil || changes.Count(entry.Discarded) != 1 || changes.Count(entry.Added) != 3 {
		t.Errorf("a dry run: got %+v, %v", changes, err)
	}
	no := errors.New("no")
	if _, _, err := r.replaces(edit.SeedOptions{Confirm: func(edit.Loss) error { return no }}, wanted...); !errors.Is(err, no) {
		t.Errorf("an answer of no: got %v", err)
	}
	if now, _ := r.log.Topic.End(r.within()); now != end || r.ids("A") != damaged || !strings.Contains(damaged, "--replace-damaged") {
		t.Errorf("the topic ends at %d, want %d still; A has%s", now, end, r.ids("A"))
	}

	asked, changes, err := r.replaces(edit.SeedOptions{}, wanted...)
	if err != nil || asked != (edit.Loss{Lists: 1}) || changes.Count(entry.Discarded) != 1 || changes.Count(entry.Added) != 3 {
		t.Errorf("asked about %+v, got %+v, %v", asked, changes, err)
	}
	if a, b := r.ids("A"), r.ids("B"); a != " a1 a3" || b != " b1 b2" {
		t.Errorf("A has%s, and B%s", a, b)
	}
	if _, err := r.editor.Seed(r.within(), []lead.Webhook{hook("B", "a2")}, edit.SeedOptions{}); err == nil || !strings.Contains(err.Error(), `belongs to advertiser "A"`) {
		t.Errorf("an id that the list may have had: got %v, want that it is A's for ever", err)
	}
	for _, name := range []string{"A", "a1", "a2"} {
		_, changes, err := webhook.Catalog{Log: r.log}.History(r.within(), name)
		if err != nil || len(changes) != 1 || changes[0].By != "someone" || changes[0].Webhooks[0].Action != entry.Discarded {
			t.Errorf("the history of %s is %+v, %v", name, changes, err)
		}
	}
	if asked, _, err := r.replaces(edit.SeedOptions{}, wanted...); err != nil || asked != (edit.Loss{}) {
		t.Errorf("when nothing is damaged: asked about %+v, %v", asked, err)
	}
}

func TestAListThatSomebodyElseReplacesIsNotReplacedAgain(t *testing.T) {
	r := newRig(t)
	r.seed(hook("A", "a1"))
	r.spoil("A")
	theirs := hook("A", "a1")
	theirs.URL += "/theirs"
	_, _, err := r.replaces(edit.SeedOptions{Confirm: func(edit.Loss) error {
		_, _, err := r.replaces(edit.SeedOptions{}, theirs)
		return err
	}}, hook("A", "a1"))
	if !errors.Is(err, edit.ErrConflict) {
		t.Errorf("got %v, want a conflict", err)
	}
	if h, err := (webhook.Catalog{Log: r.log}).Find(r.within(), "a1"); err != nil || h.URL != theirs.URL {
		t.Errorf("got %+v, %v, want what the other wrote", h, err)
	}
}

func TestPruneReplacesDamagedListsThatTheFilesDoNotHave(t *testing.T) {
	r := newRig(t)
	r.seed(hook("A", "a1"), hook("B", "b1"), hook("C", "c1"), hook("C", "c2"))
	r.spoil("A")
	r.spoil(entry.IDKey("nobodys"))
	if _, err := r.editor.Seed(r.within(), []lead.Webhook{hook("B", "b1")}, edit.SeedOptions{Prune: true}); err == nil {
		t.Error("a prune as usual was not refused")
	}
	asked, changes, err := r.replaces(edit.SeedOptions{Prune: true}, hook("B", "b1"), hook("C", "c1"))
	if err != nil || asked != (edit.Loss{Removed: 1, Lists: 1}) || changes.Count(entry.Discarded) != 1 || changes.Count(entry.Removed) != 1 {
		t.Errorf("asked about %+v, got %+v, %v", asked, changes, err)
	}
	if a, b, c := r.ids("A"), r.ids("B"), r.ids("C"); a != "" || b != " b1" || c != " c1" {
		t.Errorf("A has%s, B%s, and C%s", a, b, c)
	}
}

func TestAnIDWhoseOwnerDoesNotOpenIsGivenAgain(t *testing.T) {
	r := newRig(t)
	r.seed(hook("A", "a1"), hook("B", "b1"))
	for _, key := range []string{"A", entry.IDKey("a1"), entry.IDKey("b1")} {
		r.spoil(key)
	}
	if _, err := r.editor.Seed(r.within(), []lead.Webhook{hook("A", "a1")}, edit.SeedOptions{}); err == nil || !strings.Contains(err.Error(), "--replace-damaged") {
		t.Errorf("a seed as usual: got %v, want it refused, and what to do", err)
	}
	if _, _, err := r.replaces(edit.SeedOptions{}, hook("A", "b1")); err == nil || !strings.Contains(err.Error(), `among those of advertiser "B"`) {
		t.Errorf("an id that another advertiser's list has: got %v, want it refused", err)
	}
	asked, _, err := r.replaces(edit.SeedOptions{}, hook("A", "a1"), hook("B", "b1"))
	if err != nil || asked != (edit.Loss{Lists: 1, Owners: 2}) {
		t.Errorf("asked about %+v, got %v", asked, err)
	}
	if a, b := r.ids("A"), r.ids("B"); a != " a1" || b != " b1" {
		t.Errorf("A has%s, and B%s", a, b)
	}
	if _, err := r.editor.Seed(r.within(), []lead.Webhook{hook("C", "a1")}, edit.SeedOptions{}); err == nil || !strings.Contains(err.Error(), `belongs to advertiser "A"`) {
		t.Errorf("given to another: got %v", err)
	}
}
