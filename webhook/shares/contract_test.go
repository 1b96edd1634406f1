package shares_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/shares"
)

// contract is what the shares do on every kind of Redis.
var contract = map[string]func(t *testing.T, r *rig){
	"which record counts":                        whichRecordCounts,
	"a step begins where the share is":           stepBeginsWhereTheShareIs,
	"a step that makes no sense":                 stepWithoutSense,
	"a share that is lost is filled anew":        lostShareIsFilledAnew,
	"one of two fillers wins":                    oneOfTwoFillersWins,
	"a value is of its place":                    valueIsOfItsPlace,
	"answers are in the order of the keys":       answersAreInOrder,
	"what is not filled is not empty":            notFilledIsNotEmpty,
	"marked records":                             markedRecords,
	"all records":                                allRecords,
	"all records of a share that is lost":        allOfALostShare,
	"epochs are found and dropped":               epochsAreFoundAndDropped,
	"leases":                                     leases,
	"a hint":                                     hint,
	"failing webhooks":                           failingWebhooks,
	"failing webhooks that cannot be read":       failingThatCannotBeRead,
	"last failures and doubts":                   lastFailuresAndDoubts,
	"health of removed webhooks":                 healthOfRemovedWebhooks,
	"contents that nobody wrote":                 hostileContents,
	"a record without stamp changes nothing":     recordWithoutStamp,
	"an end of the caller's patience is said":    endedContext,
	"a Redis that has forgotten its scripts":     forgottenScripts,
	"steps of one share in one call":             stepsOfOneShare,
	"a record of 512 KiB with all kinds of byte": largeRecord,
}

func TestSharesAreFNV(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "USA_1", "id:w-1", "epoch:E1", "Ä\x00\xff", strings.Repeat("x", 300)} {
		h := fnv.New32a()
		h.Write([]byte(key))
		if got, want := shares.Of(key), int(h.Sum32()%shares.Count); got != want {
			t.Errorf("%q: got share %d, want %d", key, got, want)
		}
	}
}

func whichRecordCounts(t *testing.T, r *rig) {
	stored := value(5, "five")
	for name, c := range map[string]struct {
		before []byte // stored already, if not nil
		marked bool
		come   [][]byte
		want   []byte // stored at the end
		marks  int
	}{
		"the first":                                {nil, false, [][]byte{value(1, "a")}, value(1, "a"), 0},
		"the first, of any number":                 {nil, false, [][]byte{value(1<<53-1, "a")}, value(1<<53-1, "a"), 0},
		"the first, of another epoch":              {nil, false, [][]byte{valueOf("E0", 9, "a")}, nil, 0},
		"a greater number":                         {stored, false, [][]byte{value(6, "six")}, value(6, "six"), 0},
		"a much greater number":                    {stored, false, [][]byte{value(1<<53-1, "six")}, value(1<<53-1, "six"), 0},
		"numbers are not compared as texts":        {stored, false, [][]byte{value(10, "ten")}, value(10, "ten"), 0},
		"the same number":                          {stored, false, [][]byte{value(5, "other")}, stored, 1},
		"a lower number":                           {stored, false, [][]byte{value(4, "four")}, stored, 1},
		"the same change":                          {stored, false, [][]byte{value(5, "five")}, stored, 0},
		"the same change with a greater number":    {stored, false, [][]byte{value(6, "five")}, stored, 0},
		"another epoch with a greater number":      {stored, false, [][]byte{valueOf("E2", 6, "six")}, stored, 1},
		"another epoch with the same change":       {stored, false, [][]byte{valueOf("E0", 5, "five")}, stored, 1},
		"two refused make one mark":                {stored, false, [][]byte{value(4, "four"), value(5, "other")}, stored, 1},
		"two writers, the first wins":              {stored, false, [][]byte{value(6, "six"), value(6, "late")}, value(6, "six"), 1},
		"two writers of the first, the first wins": {nil, false, [][]byte{value(1, "a"), value(1, "b")}, value(1, "a"), 1},
		"a greater number removes the mark":        {stored, true, [][]byte{value(6, "six")}, value(6, "six"), 0},
		"the same change does not":                 {stored, true, [][]byte{value(5, "five")}, stored, 1},
		"refused again, still one mark":            {stored, true, [][]byte{value(3, "three")}, stored, 1},
		"refused, then greater":                    {stored, false, [][]byte{value(4, "four"), value(6, "six")}, value(6, "six"), 0},
		"greater, then refused":                    {stored, true, [][]byte{value(6, "six"), value(5, "other")}, value(6, "six"), 1},
		"refused and greater, with a mark":         {stored, true, [][]byte{value(4, "four"), value(6, "six")}, value(6, "six"), 0},
		"another epoch, then greater":              {stored, false, [][]byte{valueOf("E0", 9, "nine"), value(6, "six")}, value(6, "six"), 0},
		"first, then another epoch":                {nil, false, [][]byte{value(1, "a"), valueOf("E0", 9, "nine")}, value(1, "a"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(r.rdb)
			key, place := keyIn(7, 0), shares.Place{}
			step := func(values ...[]byte) {
				to := at(place.Applied+10, rand.Text())
				var records []shares.Record
				for i, v := range values {
					records = append(records, shares.Record{Key: key, Value: v, Offset: place.Applied + int64(i)})
				}
				r.mustFill(t, place, to, records...)
				place = to
			}
			if c.before != nil {
				step(c.before)
			}
			if c.marked {
				step(value(1, "one"))
			}
			step(c.come...)
			r.wantStored(t, place, map[string][]byte{key: c.want})
			r.wantState(t, shares.State{Place: place, Marks: c.marks})
			got, marked, err := r.Marked(t.Context(), epoch, 7)
			if err != nil || got != place || len(marked) != c.marks || c.marks == 1 && !bytes.Equal(marked[key], c.want) {
				t.Errorf("marked: got %q at %v, error %v", marked, got, err)
			}
		})
	}
}

func stepBeginsWhereTheShareIs(t *testing.T, r *rig) {
	key := keyIn(7, 0)
	r.wantState(t, shares.State{})
	if err := r.fill(t, at(5, ""), at(9, "")); !errors.Is(err, shares.ErrMoved) {
		t.Errorf("a share that is not there, from offset 5: got %v", err)
	}
	r.wantState(t, shares.State{})
	now := at(9, "abc")
	r.mustFill(t, shares.Place{}, now, shares.Record{Key: key, Value: value(1, "a"), Offset: 3})
	for _, from := range []shares.Place{{}, at(9, ""), at(9, "abd"), at(9, "ABC"), at(8, "abc"), at(10, "abc")} {
		err := r.fill(t, from, at(20, ""), shares.Record{Key: key, Value: value(2, "b"), Offset: 10})
		if !errors.Is(err, shares.ErrMoved) {
			t.Errorf("from %v: got %v, want ErrMoved", from, err)
		}
		r.wantStored(t, now, map[string][]byte{key: value(1, "a")})
	}
	for _, next := range []shares.Place{at(9, ""), at(12, strings.Repeat("x", 64)), at(1<<53, "")} {
		r.mustFill(t, now, next)
		now = next
		r.wantStored(t, now, map[string][]byte{key: value(1, "a")})
	}
	if other := r.States(t.Context(), "E2")[7]; other != (shares.State{}) {
		t.Errorf("another epoch: got %v", other)
	}
}

func stepWithoutSense(t *testing.T, r *rig) {
	here := shares.Record{Key: keyIn(7, 0), Value: value(1, "a")}
	for name, step := range map[string]shares.Step{
		"back":            {Share: 7, From: at(5, ""), To: at(4, "")},
		"to nowhere":      {Share: 7, From: at(5, "")},
		"a head of words": {Share: 7, To: at(5, "a b")},
		"a long head":     {Share: 7, To: at(5, strings.Repeat("x", 65))},
		"a strange place": {Share: 7, From: at(-1, ""), To: at(5, "")},
		"only a head":     {Share: 7, From: at(0, "x"), To: at(5, "")},
		"another's key":   {Share: 8, To: at(5, ""), Records: []shares.Record{here}},
	} {
		good := shares.Step{Share: 9, From: shares.Place{}, To: at(5, "")}
		errs := r.Fill(t.Context(), epoch, []shares.Step{step, good})
		if errs[0] == nil || errors.Is(errs[0], shares.ErrMoved) || errs[1] != nil {
			t.Errorf("%s: got %v", name, errs)
		}
		if err := r.Drop(t.Context(), epoch); err != nil {
			t.Fatal(err)
		}
	}
}

func lostShareIsFilledAnew(t *testing.T, r *rig) {
	a, b := keyIn(7, 0), keyIn(7, 1)
	first := shares.Record{Key: a, Value: value(1, "a")}
	r.mustFill(t, shares.Place{}, at(5, ""), first, shares.Record{Key: b, Value: value(9, "b"), Offset: 1}, first)
	r.mustFill(t, at(5, ""), at(6, ""), shares.Record{Key: b, Value: value(8, "x"), Offset: 5})
	r.wantState(t, shares.State{Place: at(6, ""), Marks: 1})
	if err := r.DropShare(t.Context(), epoch, 7); err != nil {
		t.Fatal(err)
	}
	if err := r.fill(t, at(6, ""), at(8, "")); !errors.Is(err, shares.ErrMoved) {
		t.Errorf("from where it was: got %v, want ErrMoved", err)
	}
	r.mustFill(t, shares.Place{}, at(3, ""), first)
	r.wantStored(t, at(3, ""), map[string][]byte{a: value(1, "a"), b: nil})

	// Its place alone is lost: what is left of it is no part of anything.
	r.rdb.HDel(t.Context(), r.hash(), "applied")
	r.rdb.HSet(t.Context(), r.hash(), "="+b, "what is left", "!"+b, "4", "marks", "1")
	r.wantState(t, shares.State{})
	r.mustFill(t, shares.Place{}, at(4, "c"))
	r.wantState(t, shares.State{Place: at(4, "c")})
	r.wantStored(t, at(4, "c"), map[string][]byte{a: nil, b: nil})
}

func oneOfTwoFillersWins(t *testing.T, r *rig) {
	key, place := keyIn(7, 0), shares.Place{}
	for round := range 30 {
		const fillers = 6
		change := func(i int) string { return fmt.Sprint("r", round, "by", i) }
		var errs [fillers]error
		var wg sync.WaitGroup
		for i := range fillers {
			wg.Go(func() {
				errs[i] = r.Fill(t.Context(), epoch, []shares.Step{{
					Share: 7, From: place, To: at(int64(round+1), change(i)),
					Records: []shares.Record{{Key: key, Value: value(round+1, change(i))}},
				}})[0]
			})
		}
		wg.Wait()
		winner := slices.Index(errs[:], nil)
		for i, err := range errs {
			if i != winner && !errors.Is(err, shares.ErrMoved) {
				t.Fatalf("round %d: got %v", round, errs)
			}
		}
		if winner < 0 {
			t.Fatalf("round %d: nobody filled the share: %v", round, errs)
		}
		place = at(int64(round+1), change(winner))
		r.wantStored(t, place, map[string][]byte{key: value(round+1, change(winner))})
	}
}

// valueIsOfItsPlace reads while every step changes the place and two records.
func valueIsOfItsPlace(t *testing.T, r *rig) {
	a, b := keyIn(7, 0), keyIn(7, 1)
	step := func(n int) {
		from, v := at(int64(n-1), ""), value(n, fmt.Sprint("c", n))
		r.mustFill(t, from, at(int64(n), ""), shares.Record{Key: a, Value: v}, shares.Record{Key: b, Value: v},
			shares.Record{Key: a, Value: value(1, "refused")})
	}
	step(1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for ctx.Err() == nil {
				for _, got := range r.Get(t.Context(), epoch, []string{a, b}) {
					want := value(int(got.Applied), fmt.Sprint("c", got.Applied))
					if got.Err != nil || !bytes.Equal(got.Value, want) {
						t.Errorf("got %q at %v, error %v", got.Value, got.Place, got.Err)
						return
					}
				}
				place, marked, err := r.Marked(t.Context(), epoch, 7)
				want := value(int(place.Applied), fmt.Sprint("c", place.Applied))
				if got, is := marked[a]; err != nil || is && !bytes.Equal(got, want) {
					t.Errorf("marked: got %q at %v, error %v", got, place, err)
					return
				}
			}
		})
	}
	for n := range 200 {
		step(n + 2)
	}
	cancel()
	wg.Wait()
}

func answersAreInOrder(t *testing.T, r *rig) {
	var keys []string
	records := map[int][]shares.Record{}
	for i := range 300 {
		key := fmt.Sprint("USA_", i%250) // some twice
		keys = append(keys, key)
		if i%3 == 0 && i < 250 {
			of := shares.Of(key)
			records[of] = append(records[of], shares.Record{Key: key, Value: value(1, key[4:]), Offset: int64(i)})
		}
	}
	var steps []shares.Step
	for share := range shares.Count {
		steps = append(steps, shares.Step{Share: share, To: at(int64(1000+share), "head"), Records: records[share]})
	}
	if err := errors.Join(r.Fill(t.Context(), epoch, steps)...); err != nil {
		t.Fatal(err)
	}
	for share, state := range r.States(t.Context(), epoch) {
		if want := (shares.State{Place: at(int64(1000+share), "head")}); state != want {
			t.Errorf("share %d: got %v, want %v", share, state, want)
		}
	}
	answers := r.Get(t.Context(), epoch, keys)
	if len(answers) != len(keys) {
		t.Fatalf("got %d answers to %d keys", len(answers), len(keys))
	}
	for i, got := range answers {
		want := shares.Answer{Place: at(int64(1000+shares.Of(keys[i])), "head")}
		if i%250%3 == 0 {
			want.Value = value(1, keys[i][4:])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", keys[i], diff)
		}
	}
	if got := r.Get(t.Context(), epoch, nil); len(got) != 0 {
		t.Errorf("no keys: got %v", got)
	}
}

func notFilledIsNotEmpty(t *testing.T, r *rig) {
	r.mustFill(t, shares.Place{}, at(1, ""))
	there, away := keyIn(7, 0), keyIn(8, 0)
	got := r.Get(t.Context(), epoch, []string{away, there})
	if !errors.Is(got[0].Err, shares.ErrNotFilled) || got[0].Place != (shares.Place{}) {
		t.Errorf("a share that is not there: got %v", got[0])
	}
	if got[1].Err != nil || got[1].Value != nil || got[1].Place != at(1, "") {
		t.Errorf("a share that is there: got %v", got[1])
	}
	if _, _, err := r.Marked(t.Context(), epoch, 8); !errors.Is(err, shares.ErrNotFilled) {
		t.Errorf("Marked: got %v", err)
	}
	if _, err := r.all(t, 8); !errors.Is(err, shares.ErrNotFilled) {
		t.Errorf("All: got %v", err)
	}
}

func markedRecords(t *testing.T, r *rig) {
	const many = 150
	var first, refused []shares.Record
	want := map[string][]byte{}
	for n := range many {
		key := keyIn(7, n)
		want[key] = value(2, fmt.Sprint("c", n))
		first = append(first, shares.Record{Key: key, Value: want[key], Offset: int64(n)})
		refused = append(refused, shares.Record{Key: key, Value: value(1, "x"), Offset: int64(many + n)})
	}
	r.mustFill(t, shares.Place{}, at(many, ""), first...)
	r.mustFill(t, at(many, ""), at(2*many, ""), refused...)
	place := at(2*many, "")
	r.wantState(t, shares.State{Place: place, Marks: many})

	// As who finds them does it: publish what is stored with the next number.
	done := map[string][]byte{}
	for len(done) < many {
		got, marked, err := r.Marked(t.Context(), epoch, 7)
		if err != nil || got != place || len(marked) == 0 || len(marked) > 100 {
			t.Fatalf("got %d records at %v, error %v", len(marked), got, err)
		}
		var next []shares.Record
		for key, v := range marked {
			done[key] = v
			next = append(next, shares.Record{Key: key, Value: value(3, "healed"), Offset: place.Applied})
		}
		to := at(place.Applied+1, "")
		r.mustFill(t, place, to, next...)
		place = to
	}
	if diff := cmp.Diff(want, done); diff != "" {
		t.Errorf("what was marked (-want +got):\n%s", diff)
	}
	r.wantState(t, shares.State{Place: place})
}

// all reads all records of a share.
func (r *rig) all(t *testing.T, share int) (map[string][]byte, error) {
	t.Helper()
	all := map[string][]byte{}
	for record, err := range r.All(t.Context(), epoch, share) {
		if err != nil {
			return all, err
		}
		if all[record.Key] != nil {
			t.Errorf("%s came twice", record.Key)
		}
		all[record.Key] = record.Value
	}
	return all, nil
}

// fillMany fills share 7 with n records, and returns them.
func (r *rig) fillMany(t *testing.T, n int) map[string][]byte {
	t.Helper()
	want := map[string][]byte{}
	var records []shares.Record
	for i := range n {
		key := keyIn(7, i)
		want[key] = value(1, fmt.Sprint("c", i))
		records = append(records, shares.Record{Key: key, Value: want[key], Offset: int64(i)})
	}
	r.mustFill(t, shares.Place{}, at(int64(n), ""), records...)
	return want
}

func allRecords(t *testing.T, r *rig) {
	want := r.fillMany(t, 700)
	r.mustFill(t, at(700, ""), at(701, ""), shares.Record{Key: keyIn(7, 3), Value: value(1, "refused")}) // a mark is no record
	got, err := r.all(t, 7)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v, records (-want +got):\n%s", err, diff)
	}
	for record := range r.All(t.Context(), epoch, 7) {
		if record.Key != "" {
			break // who has enough may stop
		}
	}
}

// allOfALostShare loses the share when some of its records have come.
func allOfALostShare(t *testing.T, r *rig) {
	r.fillMany(t, 700)
	var last error
	came := 0
	for _, err := range r.All(t.Context(), epoch, 7) {
		if last = err; err != nil {
			continue
		}
		if came++; came == 1 {
			if err := r.DropShare(t.Context(), epoch, 7); err != nil {
				t.Fatal(err)
			}
			r.mustFill(t, shares.Place{}, at(5, "")) // somebody begins to fill it
		}
	}
	if came < 700 && !errors.Is(last, shares.ErrNotFilled) {
		t.Errorf("got %d of 700 records and the error %v, want ErrNotFilled", came, last)
	}
}

func epochsAreFoundAndDropped(t *testing.T, r *rig) {
	ctx := t.Context()
	wantEpochs := func(want ...string) {
		t.Helper()
		if got, err := r.Epochs(ctx); err != nil || !slices.Equal(got, want) {
			t.Errorf("got epochs %q, error %v, want %q", got, err, want)
		}
	}
	wantEpochs()
	var steps []shares.Step
	for share := range shares.Count {
		steps = append(steps, shares.Step{Share: share, To: at(1, "")})
	}
	err := errors.Join(slices.Concat(r.Fill(ctx, "E1", steps), r.Fill(ctx, "E2", steps[5:6]), r.Fill(ctx, "E3", steps[63:]))...)
	if err != nil {
		t.Fatal(err)
	}
	// Others' keys, some much like ours.
	for _, key := range []string{
		r.prefix + ":{5}:webhooks:USA", r.prefix + ":{64}:records:E4", r.prefix + ":{05}:records:E4", r.prefix + ":{5}:records:E4:x",
		r.prefix + ":{x}:records:E4", "x" + r.prefix + ":{5}:records:E4", strings.Replace(r.prefix, "[*]", "*", 1) + ":{5}:records:E4",
	} {
		r.rdb.Set(ctx, key, "1", time.Hour)
	}
	wantEpochs("E1", "E2", "E3")
	if err := r.Drop(ctx, "E1"); err != nil {
		t.Fatal(err)
	}
	wantEpochs("E2", "E3")
	if got := r.States(ctx, "E2")[5]; got.Place != at(1, "") {
		t.Errorf("the share of another epoch: got %v", got)
	}
}

func leases(t *testing.T, r *rig) {
	ctx := t.Context()
	lease := func(share int, owner string, want bool) {
		t.Helper()
		if got, err := r.Lease(ctx, share, owner, time.Minute); err != nil || got != want {
			t.Errorf("share %d for %s: got %t, error %v, want %t", share, owner, got, err, want)
		}
	}
	release := func(share int, owner string) {
		t.Helper()
		if err := r.Release(ctx, share, owner); err != nil {
			t.Error(err)
		}
	}
	lease(7, "a", true)
	lease(7, "b", false)
	lease(7, "a", false) // for a while is for a while
	lease(8, "b", true)
	release(7, "b")
	lease(7, "b", false)
	release(7, "a")
	release(7, "a")
	lease(7, "b", true)
	if ttl := r.rdb.PTTL(ctx, r.prefix+":{7}:lease").Val(); ttl <= 0 || ttl > time.Minute {
		t.Errorf("the lease ends after %v, want a minute", ttl)
	}
}

func hint(t *testing.T, r *rig) {
	ctx := t.Context()
	want := func(epoch string, offset int64, ok bool) {
		t.Helper()
		e, o, is, err := r.Hint(ctx)
		if e != epoch || o != offset || is != ok || err != nil {
			t.Errorf("got %q %d %t, error %v, want %q %d %t", e, o, is, err, epoch, offset, ok)
		}
	}
	want("", 0, false)
	if err := r.SetHint(ctx, "E1", 12); err != nil {
		t.Fatal(err)
	}
	want("E1", 12, true)
	for _, text := range []string{"", "E1", "E1 x", "E1 -1", " 5", "E 1 5", "E! 5"} {
		r.rdb.Set(ctx, r.prefix+":epoch", text, 0)
		want("", 0, false)
	}
	r.rdb.Del(ctx, r.prefix+":epoch")
	r.rdb.HSet(ctx, r.prefix+":epoch", "a", "b")
	want("", 0, false)
	if err := r.SetHint(ctx, "E2", 0); err != nil {
		t.Fatal(err)
	}
	want("E2", 0, true)
}

var (
	since  = time.Date(2026, 11, 20, 8, 30, 0, 123e6, time.UTC)
	noted  = lead.Failing{Since: since, Attempts: 12}
	warned = lead.Failing{Since: since, Attempts: 1 << 40, Warned: since.Add(48 * time.Hour)}
)

func health(version string, f lead.Failing) shares.Health {
	return shares.Health{Version: version, Health: lead.Health{Failing: f}}
}

func failingWebhooks(t *testing.T, r *rig) {
	ctx := t.Context()
	r.mustFill(t, shares.Place{}, at(1, ""))
	a, b := keyIn(7, 0), keyIn(7, 1)
	note := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	want := func(key string, want map[string]shares.Health) {
		t.Helper()
		if diff := cmp.Diff(want, r.Get(ctx, epoch, []string{key})[0].Health); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	want(a, nil)
	local := noted
	local.Since = since.In(time.FixedZone("", 3600))
	note(r.NoteFailing(ctx, a, `w "1"/ä\`, "v1", local, lead.Failure{}))
	note(r.NoteFailing(ctx, a, "w-2", "v1", noted, lead.Failure{}))
	want(a, map[string]shares.Health{`w "1"/ä\`: health("v1", noted), "w-2": health("v1", noted)})
	want(b, nil)
	note(r.NoteFailing(ctx, a, "w-2", "v2", warned, lead.Failure{}))
	want(a, map[string]shares.Health{`w "1"/ä\`: health("v1", noted), "w-2": health("v2", warned)})
	note(r.NoteRecovered(ctx, a, "w-2", "v1")) // another version's
	note(r.NoteRecovered(ctx, a, "w-3", "v1"))
	note(r.NoteRecovered(ctx, b, "w-2", "v2"))
	want(a, map[string]shares.Health{`w "1"/ä\`: health("v1", noted), "w-2": health("v2", warned)})
	note(r.NoteRecovered(ctx, a, `w "1"/ä\`, "v1"))
	want(a, map[string]shares.Health{"w-2": health("v2", warned)})
	note(r.Drop(ctx, epoch))
	r.mustFill(t, shares.Place{}, at(1, ""))
	want(a, map[string]shares.Health{"w-2": health("v2", warned)}) // epochs do not matter to it
	note(r.NoteRecovered(ctx, a, "w-2", "v2"))
	want(a, nil)
	if n := r.rdb.Exists(ctx, r.prefix+":{7}:failing").Val(); n != 0 {
		t.Error("the hash is still there when nothing is failing")
	}
}

func lastFailuresAndDoubts(t *testing.T, r *rig) {
	ctx := t.Context()
	r.mustFill(t, shares.Place{}, at(1, ""))
	key, now := keyIn(7, 0), time.Now().UTC().Truncate(time.Second)
	last := lead.Failure{At: now, Cause: lead.CauseRefused, Status: 422, Error: "the CRM answered 422", Answer: "{\"field\": \"postal\"} é"}
	old := last
	old.At = now.AddDate(0, 0, -31)
	want := func(want map[string]shares.Health) {
		t.Helper()
		if diff := cmp.Diff(want, r.Get(ctx, epoch, []string{key})[0].Health); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	note := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	note(r.NoteFailing(ctx, key, "w", "v1", noted, last))
	note(r.NoteFailing(ctx, key, "x", "v1", noted, old))
	note(r.NoteFailing(ctx, key, "w", "v1", noted, lead.Failure{})) // keeps what is known of the last
	want(map[string]shares.Health{"w": {"v1", lead.Health{Failing: noted, LastFailure: last}}, "x": {"v1", lead.Health{Failing: noted, LastFailure: old}}})
	note(r.NoteRecovered(ctx, key, "w", "v1"))
	note(r.NoteRecovered(ctx, key, "x", "v1"))
	note(r.NoteDoubt(ctx, key, "w", "v1", 2, now))
	doubt := lead.Doubt{First: now, Last: now, Deliveries: 2}
	want(map[string]shares.Health{"w": {"v1", lead.Health{LastFailure: last, Doubt: doubt}}}) // x is of no interest any longer
	later := now.Add(time.Minute)
	note(r.NoteDoubt(ctx, key, "w", "v1", 3, later))
	note(r.NoteFailing(ctx, key, "w", "v1", noted, last))
	doubt = lead.Doubt{First: now, Last: later, Deliveries: 5}
	want(map[string]shares.Health{"w": {"v1", lead.Health{Failing: noted, LastFailure: last, Doubt: doubt}}})
	note(r.NoteDoubt(ctx, key, "w", "v2", 1, later))
	want(map[string]shares.Health{"w": {"v2", lead.Health{Doubt: lead.Doubt{First: later, Last: later, Deliveries: 1}}}}) // nothing of another version
}

// healthOfRemovedWebhooks is forgotten for advertisers whose webhooks are told, and for no others.
func healthOfRemovedWebhooks(t *testing.T, r *rig) {
	ctx := t.Context()
	r.mustFill(t, shares.Place{}, at(1, ""))
	a, b, c := keyIn(7, 0), keyIn(7, 1), keyIn(7, 2)
	for _, key := range []string{a, b, c} {
		for _, webhook := range []string{"w", "x", "7", `y "1"`} {
			if err := r.NoteFailing(ctx, key, webhook, "v1", noted, lead.Failure{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.rdb.HSet(ctx, r.prefix+":{7}:failing", "="+keyIn(7, 3), `[1,"x"]`)
	kept := map[string][]string{a: {"7", "unknown", `y "1"`}, b: nil, keyIn(7, 3): {"1"}, keyIn(8, 0): {"w"}}
	if err := r.KeepHealth(ctx, kept); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][]string{a: {"7", `y "1"`}, b: nil, c: {"7", "w", "x", `y "1"`}} {
		found := r.Get(ctx, epoch, []string{key})[0].Health
		got := slices.Sorted(maps.Keys(found))
		for _, webhook := range got {
			if diff := cmp.Diff(health("v1", noted), found[webhook]); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", key, webhook, diff)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got what is noted of %q, want of %q", key, got, want)
		}
	}
	if fields := r.rdb.HKeys(ctx, r.prefix+":{7}:failing").Val(); len(fields) != 2 {
		t.Errorf("got the fields %q, want those of two advertisers", fields)
	}
	if n := r.rdb.Exists(ctx, r.prefix+":{8}:failing").Val(); n != 0 {
		t.Error("there is a hash of what was never noted")
	}
	r.rdb.Set(ctx, r.prefix+":{8}:failing", "x", 0)
	if err := r.KeepHealth(ctx, kept); err == nil {
		t.Error("a hash that is none: got no error")
	}
}

// failingThatCannotBeRead holds up no lead, and is replaced by what is noted next.
func failingThatCannotBeRead(t *testing.T, r *rig) {
	ctx := t.Context()
	r.mustFill(t, shares.Place{}, at(1, ""))
	key, hash := keyIn(7, 0), r.prefix+":{7}:failing"
	for _, text := range []string{"", "x", "7", `"w"`, "null", "true", "[]", "{}", "[1,{}]", `{"w":5}`, `{"w":{"v":[]}}`, `{"1":{"attempts":"x"}}`,
		`{"w":{"attempts":1e300}}`, strings.Repeat("[", 5000), "\x00\xff"} {
		r.rdb.HSet(ctx, hash, "="+key, text)
		if got := r.Get(ctx, epoch, []string{key})[0]; got.Err != nil || len(got.Health) != 0 || got.Place != at(1, "") {
			t.Errorf("%.20q: got %v", text, got)
		}
		if err := r.NoteFailing(ctx, key, "w", "v1", noted, lead.Failure{}); err != nil {
			t.Errorf("noting over %.20q: %v", text, err)
		}
	}
	r.rdb.Del(ctx, hash)
	r.rdb.Set(ctx, hash, "x", 0)
	if got := r.Get(ctx, epoch, []string{key})[0]; got.Err != nil || got.Health != nil || got.Place != at(1, "") {
		t.Errorf("a failing that is no hash: got %v", got)
	}
	if err := r.NoteFailing(ctx, key, "w", "v1", noted, lead.Failure{}); err == nil || !strings.Contains(err.Error(), hash) {
		t.Errorf("noting in what is no hash: got %v, want an error that names it", err)
	}
}

// hostileContents are never taken for no webhooks, and the error says what to do.
func hostileContents(t *testing.T, r *rig) {
	ctx, key, other := t.Context(), keyIn(7, 0), keyIn(7, 1)
	wrong := map[string]func(){
		"a string": func() { r.rdb.Set(ctx, r.hash(), "x", 0) },
		"a list":   func() { r.rdb.RPush(ctx, r.hash(), "x") },
	}
	for _, place := range []string{"", " ", "x", "0", "-5", "+5", "05", "5 ", " 5", "5  x", "5 x y", "5 x!", "5\n", "5.0", "1e3", "0x10",
		"99999999999999999999", "5 " + strings.Repeat("x", 65), "\x00\xff"} {
		wrong[fmt.Sprintf("the place %q", place)] = func() { r.rdb.HSet(ctx, r.hash(), "applied", place) }
	}
	for name, spoil := range wrong {
		t.Run(name, func(t *testing.T) {
			r.rdb.Del(ctx, r.hash())
			spoil()
			understood := func(what string, err error) {
				t.Helper()
				if !errors.Is(err, shares.ErrDamaged) || !strings.Contains(err.Error(), r.hash()) || !strings.Contains(err.Error(), "delete it") {
					t.Errorf("%s: got %v", what, err)
				}
			}
			understood("States", r.States(ctx, epoch)[7].Err)
			got := r.Get(ctx, epoch, []string{key})[0]
			understood("Get", got.Err)
			if got.Place != (shares.Place{}) || got.Value != nil {
				t.Errorf("Get: got %v", got)
			}
			_, _, err := r.Marked(ctx, epoch, 7)
			understood("Marked", err)
			_, err = r.all(t, 7)
			understood("All", err)
			for _, from := range []shares.Place{{}, at(5, ""), at(5, "x")} {
				if err := r.fill(t, from, at(9, "")); err == nil {
					t.Errorf("a step from %q was taken", from)
				}
			}
			if err := r.DropShare(ctx, epoch, 7); err != nil {
				t.Fatal(err)
			}
			r.mustFill(t, shares.Place{}, at(1, ""))
		})
	}

	// What is wrong with a record, or with the marks, hinders those who need it alone.
	r.rdb.Del(ctx, r.hash())
	for _, stored := range []string{"", "x", "leadhook/1 E1 1 a", "leadhook/1 E2 1 a\n", "leadhook/1 E1 0 a\n", "leadhook/2 E1 1 a\n",
		"leadhook/1 E1 9007199254740992 a\n", "leadhook/1 " + strings.Repeat("E", 65) + " 1 a\n", "\x00\xff"} {
		r.rdb.HSet(ctx, r.hash(), "applied", "5", "="+key, stored)
		if got := r.Get(ctx, epoch, []string{key})[0]; got.Err != nil || string(got.Value) != stored || got.Value == nil {
			t.Errorf("stored %.40q: got %v", stored, got)
		}
		err := r.fill(t, at(5, ""), at(6, ""), shares.Record{Key: other, Value: value(1, "o")}, shares.Record{Key: key, Value: value(2, "b")})
		if !errors.Is(err, shares.ErrDamaged) || !strings.Contains(err.Error(), key) {
			t.Errorf("over %.40q: got %v, want ErrDamaged", stored, err)
		}
		r.wantStored(t, at(5, ""), map[string][]byte{other: nil}) // nothing of the step was done
	}
	for _, marks := range []string{"", "x", "-1", "1.5", "0x1"} {
		r.rdb.HSet(ctx, r.hash(), "applied", "5", "marks", marks)
		if err := r.fill(t, at(5, ""), at(6, "")); !errors.Is(err, shares.ErrDamaged) {
			t.Errorf("marks %q: got %v, want ErrDamaged", marks, err)
		}
		if err := r.States(ctx, epoch)[7].Err; !errors.Is(err, shares.ErrDamaged) {
			t.Errorf("marks %q: got state %v, want ErrDamaged", marks, err)
		}
	}
	r.rdb.HDel(ctx, r.hash(), "marks", "="+key)
	r.rdb.HSet(ctx, r.hash(), "!"+key, "4")
	if _, _, err := r.Marked(ctx, epoch, 7); !errors.Is(err, shares.ErrDamaged) || !strings.Contains(err.Error(), key) {
		t.Errorf("a mark without a record: got %v, want ErrDamaged", err)
	}
}

func recordWithoutStamp(t *testing.T, r *rig) {
	key, other := keyIn(7, 0), keyIn(7, 1)
	r.mustFill(t, shares.Place{}, at(1, ""), shares.Record{Key: key, Value: value(1, "a")})
	for _, v := range []string{"", "x", "leadhook/1 E1 2 b", "leadhook/1  2 b\n", "leadhook/1 E1 02 b\n", "leadhook/1 E1 -2 b\n", "leadhook/1 E1 2 b \n",
		"leadhook/1 E1 2  b\n", "leadhook/1 E_1 2 b\n", " leadhook/1 E1 2 b\n", "leadhook/1 E1 9007199254740992 b\n", "leadhook/1 E1 2e1 b\n",
		"leadhook/1 E1 2 " + strings.Repeat("b", 65) + "\n"} {
		err := r.fill(t, at(1, ""), at(9, ""), shares.Record{Key: other, Value: value(1, "o"), Offset: 3}, shares.Record{Key: key, Value: []byte(v), Offset: 4})
		if err == nil || errors.Is(err, shares.ErrDamaged) || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), "offset 4") {
			t.Errorf("%.40q: got %v, want an error that names key and offset", v, err)
		}
	}
	r.wantStored(t, at(1, ""), map[string][]byte{key: value(1, "a"), other: nil})
}

func endedContext(t *testing.T, r *rig) {
	r.mustFill(t, shares.Place{}, at(1, ""))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	for _, state := range r.States(ctx, epoch) {
		check("States", state.Err)
	}
	check("Get", r.Get(ctx, epoch, []string{keyIn(7, 0)})[0].Err)
	check("Fill", r.Fill(ctx, epoch, []shares.Step{{Share: 7, From: at(1, ""), To: at(2, "")}})[0])
	_, _, err := r.Marked(ctx, epoch, 7)
	check("Marked", err)
	for _, err := range r.All(ctx, epoch, 7) {
		check("All", err)
	}
	_, err = r.Epochs(ctx)
	check("Epochs", err)
	_, err = r.Lease(ctx, 7, "a", time.Minute)
	check("Lease", err)
	_, _, _, err = r.Hint(ctx)
	check("Hint", err)
	check("Drop", r.Drop(ctx, epoch))
	check("NoteFailing", r.NoteFailing(ctx, "USA_1", "w", "v", noted, lead.Failure{}))
	check("KeepHealth", r.KeepHealth(ctx, map[string][]string{"USA_1": {"w"}}))
}

func stepsOfOneShare(t *testing.T, r *rig) {
	key := keyIn(7, 0)
	var steps []shares.Step
	from := shares.Place{}
	for n := range 20 {
		to := at(int64(n+1), fmt.Sprint("c", n))
		steps = append(steps, shares.Step{Share: 7, From: from, To: to, Records: []shares.Record{{Key: key, Value: value(n+1, to.Head)}}})
		from = to
	}
	steps = append(steps, shares.Step{Share: 7, From: at(3, "c2"), To: at(50, "")}) // no longer there
	errs := r.Fill(t.Context(), epoch, steps)
	if err := errors.Join(errs[:20]...); err != nil || !errors.Is(errs[20], shares.ErrMoved) {
		t.Errorf("got %v", errs)
	}
	r.wantStored(t, from, map[string][]byte{key: value(20, "c19")})
}

// forgottenScripts is a Redis that was restarted.
func forgottenScripts(t *testing.T, r *rig) {
	key := keyIn(7, 0)
	for n := range 3 {
		if err := r.rdb.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		at := func(n int) shares.Place { return shares.Place{Applied: int64(n)} }
		r.mustFill(t, at(n), at(n+1), shares.Record{Key: key, Value: value(n+1, fmt.Sprint("c", n))})
		r.wantStored(t, at(n+1), map[string][]byte{key: value(n+1, fmt.Sprint("c", n))})
	}
}

func largeRecord(t *testing.T, r *rig) {
	box := make([]byte, 512<<10)
	for i := range box {
		box[i] = byte(i)
	}
	large := slices.Concat(value(1, "a"), box)
	key := keyIn(7, 0)
	r.mustFill(t, shares.Place{}, at(1, ""), shares.Record{Key: key, Value: large})
	r.mustFill(t, at(1, ""), at(2, ""), shares.Record{Key: key, Value: value(1, "refused")})
	r.wantStored(t, at(2, ""), map[string][]byte{key: large})
	if all, err := r.all(t, 7); err != nil || !maps.EqualFunc(all, map[string][]byte{key: large}, bytes.Equal) {
		t.Errorf("All: got %d records, error %v", len(all), err)
	}
}
