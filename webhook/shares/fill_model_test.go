package shares_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/webhook/shares"
)

// A model is a share as a person would write it down.
type model struct {
	place  shares.Place
	stored map[string]stamped
	marks  map[string]bool
}

type stamped struct {
	epoch  string
	number int
	change string
}

func (s stamped) value() []byte { return valueOf(s.epoch, s.number, s.change) }

// apply is the rule of [shares.Shares.Fill].
func (m *model) apply(key string, record stamped) {
	stored, is := m.stored[key]
	switch {
	case is && record.epoch == epoch && record.change == stored.change: // a repetition
	case record.epoch == epoch && record.number > stored.number:
		m.stored[key] = record
		delete(m.marks, key)
	case is:
		m.marks[key] = true
	}
}

// TestFillIsTheModel takes any steps, some from where the share was or never will be, and
// loses it now and then.
func TestFillIsTheModel(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	checkFill(t, rdb)
}

func checkFill(t *testing.T, rdb redis.UniversalClient) {
	record := rapid.Custom(func(t *rapid.T) stamped {
		n := rapid.OneOf(rapid.IntRange(1, 12), rapid.Just(1<<53-1)).Draw(t, "number")
		return stamped{rapid.SampledFrom([]string{epoch, epoch, epoch, "E0"}).Draw(t, "epoch"), n,
			fmt.Sprint("c", n, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "writer"))}
	})
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(rdb)
		m := &model{stored: map[string]stamped{}, marks: map[string]bool{}}
		before := []shares.Place{{}, at(1, "never")}
		rt.Repeat(map[string]func(*rapid.T){
			"fill": func(rt *rapid.T) {
				from := m.place
				if rapid.IntRange(0, 3).Draw(rt, "elsewhere") == 0 {
					from = rapid.SampledFrom(before).Draw(rt, "from")
				}
				step := shares.Step{Share: 7, From: from, To: at(from.Applied+int64(rapid.IntRange(1, 9).Draw(rt, "by")), rapid.StringMatching(`[A-Za-z0-9]{0,3}`).Draw(rt, "head"))}
				records := rapid.SliceOfN(record, 0, 6).Draw(rt, "records")
				keys := make([]string, len(records))
				for i, one := range records {
					keys[i] = keyIn(7, rapid.IntRange(0, 2).Draw(rt, "key"))
					step.Records = append(step.Records, shares.Record{Key: keys[i], Value: one.value(), Offset: from.Applied + int64(i)})
				}
				err := r.Fill(t.Context(), epoch, []shares.Step{step})[0]
				if from != m.place {
					if !errors.Is(err, shares.ErrMoved) {
						rt.Fatalf("from %v while it is at %v: got %v", from, m.place, err)
					}
					return
				}
				if err != nil {
					rt.Fatal(err)
				}
				for i, one := range records {
					m.apply(keys[i], one)
				}
				m.place = step.To
				before = append(before, step.To)
			},
			"lose": func(rt *rapid.T) {
				if rapid.IntRange(0, 9).Draw(rt, "really") > 0 {
					return
				}
				if err := r.DropShare(t.Context(), epoch, 7); err != nil {
					rt.Fatal(err)
				}
				*m = model{stored: map[string]stamped{}, marks: map[string]bool{}}
			},
			"": func(rt *rapid.T) { m.check(t, rt, r) },
		})
	})
}

// check compares the share with the model.
func (m *model) check(t *testing.T, rt *rapid.T, r *rig) {
	state := r.States(t.Context(), epoch)[7]
	if want := (shares.State{Place: m.place, Marks: len(m.marks)}); state != want {
		rt.Fatalf("got state %v, want %v", state, want)
	}
	if m.place == (shares.Place{}) {
		return
	}
	asked := []string{keyIn(7, 0), keyIn(7, 1), keyIn(7, 2), keyIn(7, 3)}
	want := make([]shares.Answer, len(asked))
	marked := map[string][]byte{}
	for i, key := range asked {
		want[i].Place = m.place
		if stored, is := m.stored[key]; is {
			want[i].Value = stored.value()
		}
		if m.marks[key] {
			marked[key] = want[i].Value
		}
	}
	if diff := cmp.Diff(want, r.Get(t.Context(), epoch, asked)); diff != "" {
		rt.Fatalf("what is stored (-want +got):\n%s", diff)
	}
	place, got, err := r.Marked(t.Context(), epoch, 7)
	if diff := cmp.Diff(marked, got); err != nil || place != m.place || diff != "" {
		rt.Fatalf("error %v, place %v, what is marked (-want +got):\n%s", err, place, diff)
	}
}
