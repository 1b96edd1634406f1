package receipt_test

import (
	"cmp"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/receipt"
)

// A step is what happens next to a partition.
type step struct {
	what      string
	partition int
	wait      time.Duration
}

// Whatever fails, each record is settled once, not before it has a receipt or is given up, and
// is found in the topic: in a receipt of its own, in a range, or among those of a gap.
func TestEveryRecordIsAccountedFor(t *testing.T) {
	anyStep := rapid.Custom(func(t *rapid.T) step {
		return step{
			what:      rapid.SampledFrom([]string{"write", "nobodys", "wait", "away", "back"}).Draw(t, "what"),
			partition: rapid.IntRange(0, 2).Draw(t, "partition"),
			wait:      time.Duration(rapid.IntRange(1, 90_000).Draw(t, "ms")) * time.Millisecond,
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		required, steps := rapid.Bool().Draw(rt, "required"), rapid.SliceOfN(anyStep, 1, 60).Draw(rt, "steps")
		var problem string
		synctest.Test(t, func(t *testing.T) { problem = perform(t, required, steps) })
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

func perform(t *testing.T, required bool, steps []step) (problem string) {
	r := newRig(t, required)
	next := [3]int64{}
	for _, s := range steps {
		switch s.what {
		case "write":
			r.write(t, s.partition, next[s.partition])
			next[s.partition]++
		case "nobodys":
			r.nobodys(t, "leads", s.partition, next[s.partition])
			next[s.partition]++
		case "wait":
			time.Sleep(s.wait)
		default:
			r.topic.set(s.what == "away", s.partition)
		}
		synctest.Wait()
		problem = cmp.Or(problem, r.unaccounted(false))
	}
	r.topic.set(false, 0, 1, 2)
	r.close(t)
	problem = cmp.Or(problem, r.unaccounted(true))
	if n := next[0] + next[1] + next[2]; int64(len(r.settled.keys)) != n {
		return fmt.Sprintf("%d of %d records are settled", len(r.settled.keys), n)
	}
	for at, n := range r.settled.keys {
		if n != 1 || at.Offset >= next[at.Partition] {
			return fmt.Sprintf("%s is settled %d times", at, n)
		}
	}
	return problem
}

// unaccounted returns what is wrong unless every record that is settled has a receipt, or is
// counted as lost; in the end those that are lost are in gaps.
func (r *rig) unaccounted(end bool) string {
	has, inGaps := map[receipt.Place]bool{}, int64(0)
	for partition := range 3 {
		last := int64(-1)
		for _, one := range r.topic.of(partition) {
			switch one.Type {
			case receipt.TypeRecord:
				if one.Place.Offset <= last {
					return fmt.Sprintf("%s comes after %d", one.Place, last)
				}
				last = one.Place.Offset
				has[one.Place] = true
			case receipt.TypeNoWebhooks:
				for _, o := range one.Offsets {
					for offset := o.First; offset <= o.Last; offset++ {
						has[receipt.Place{Topic: o.Topic, Partition: partition, Offset: offset}] = true
					}
				}
			case receipt.TypeGap:
				inGaps += one.Count
			case receipt.TypeLateAttempt:
			}
		}
	}
	without := 0
	for at := range r.settled.keys {
		if !has[at] {
			without++
		}
	}
	lost := r.value("leadhook_receipts_lost_total")
	if float64(without) != lost || end && float64(inGaps) != lost {
		return fmt.Sprintf("%d records are settled without a receipt, %v are counted as lost, and %d are in gaps", without, lost, inGaps)
	}
	return ""
}

// value returns that of a counter; -1 if there is none.
func (r *rig) value(name string) float64 {
	families, err := r.reg.Gather()
	if err != nil {
		return -1
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return -1
}
