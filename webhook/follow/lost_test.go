package follow_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/shares"
	"github.com/leadhook/leadhook/webhook/topic"
)

// onCut returns a rig with the same Redis and Boxes, whose topic ends where the given one
// began its epoch: it has lost everything else.
func (r *rig) onCut() *rig {
	r.t.Helper()
	cut := *r
	k := kafkatest.New(r.t)
	cut.topic = &counted{Topic: topic.New(k.Client, k.Topic(r.t, 1, "cleanup.policy=compact"))}
	r.t.Cleanup(func() { _ = cut.topic.Close() })
	cut.log = &follow.Log{Topic: cut.topic, Shares: r.shares, Boxes: r.log.Boxes}
	left := 2 // that begin and open the epoch
	for record, err := range r.log.Records(r.t.Context(), 0) {
		if err != nil {
			r.t.Fatal(err)
		}
		if err := cut.topic.Append(r.t.Context(), []topic.Record{*record}); err != nil {
			r.t.Fatal(err)
		}
		if left--; left == 0 {
			break
		}
	}
	return &cut
}

func TestNothingIsMadeOfWhatTheTopicLost(t *testing.T) {
	r := newRig(t)
	r.put(1, "LOST", "a")
	r.fill()
	cut := r.onCut()
	if _, err := cut.log.Current(t.Context(), r.epoch, []string{entry.IDKey("a")}); !errors.Is(err, follow.ErrWentBack) {
		t.Errorf("the topic ends earlier: error %v", err)
	}
	cut.put(1, "OTHER", "b")
	if _, err := cut.log.Current(t.Context(), r.epoch, []string{entry.IDKey("a")}); !errors.Is(err, follow.ErrWentBack) {
		t.Errorf("the topic ends with another record: error %v", err)
	}
	cut.put(1, "OTHER", "c")
	if _, err := cut.log.Current(t.Context(), r.epoch, []string{entry.IDKey("a")}); !errors.Is(err, follow.ErrWentBack) {
		t.Errorf("the topic went on with other records: error %v", err)
	}
}

func TestNothingIsFilledFromWhatIsLeftOfTheTopic(t *testing.T) {
	r := newRig(t)
	r.put(1, "LOST", "a")
	r.fill()
	cut := r.onCut()
	share := shares.Of(entry.IDKey("a"))
	if err := r.shares.DropShare(t.Context(), r.epoch, share); err != nil {
		t.Fatal(err)
	}
	if _, err := cut.log.Fill(t.Context(), r.epoch, cut.end()); !errors.Is(err, follow.ErrWentBack) {
		t.Errorf("error %v", err)
	}
	if s := r.shares.States(t.Context(), r.epoch)[share]; s.Applied != 0 {
		t.Errorf("the share that was lost too is at %+v", s)
	}
}

func TestFollowerStopsWhereTheTopicLostRecords(t *testing.T) {
	for name, rest := range map[string]func(*rig){
		"its end":                           func(*rig) {},
		"its end, and others were appended": func(cut *rig) { cut.put(1, "OTHER", "b") },
	} {
		r := newRig(t)
		r.put(1, "LOST", "a")
		r.fill()
		cut := r.onCut()
		rest(cut)
		f, _ := cut.follow()
		kafkatest.WaitFor(t, func() bool { return errors.Is(f.Ready(), follow.ErrWentBack) })
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if c, err := f.Confirm(ctx, time.Now()); err == nil {
			t.Errorf("the topic lost %s: confirmed is %+v", name, c)
		}
	}
}

func TestTopicThatWasMadeAnewIsNotOneThatNeverBegan(t *testing.T) {
	r := newRig(t)
	r.fill()
	cut := *r
	k := kafkatest.New(t)
	cut.topic = &counted{Topic: topic.New(k.Client, k.Topic(t, 1, "cleanup.policy=compact"))}
	t.Cleanup(func() { _ = cut.topic.Close() })
	cut.log = &follow.Log{Topic: cut.topic, Shares: r.shares, Boxes: r.log.Boxes}
	f, _ := cut.follow()
	kafkatest.WaitFor(t, func() bool { return errors.Is(f.Ready(), follow.ErrWentBack) })
	if epoch, err := cut.log.Begin(t.Context()); !errors.Is(err, follow.ErrWentBack) {
		t.Errorf("it begins with %q, error %v", epoch, err)
	}
}
