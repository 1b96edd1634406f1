package receipt

import (
	"cmp"
	"slices"
)

// Ranges are records of one partition.
type ranges []Offsets

// addExactly adds one record, unless it is there. The ranges are sorted, and have all records
// from their first to their last.
func (rs *ranges) addExactly(one Offsets) {
	all := *rs
	n, found := slices.BinarySearchFunc(all, one, func(a, b Offsets) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.First, b.First))
	})
	before := n > 0 && all[n-1].Topic == one.Topic && one.First <= all[n-1].Last+1
	after := n < len(all) && all[n].Topic == one.Topic && one.First+1 == all[n].First
	switch {
	case found || before && one.First <= all[n-1].Last:
	case before && after:
		all[n-1].join(one)
		all[n-1].join(all[n])
		*rs = slices.Delete(all, n, n+1)
	case before:
		all[n-1].join(one)
	case after:
		all[n].join(one)
	default:
		*rs = slices.Insert(all, n, one)
	}
}

// addRoughly adds records to ranges of which there is one for each topic.
func (rs *ranges) addRoughly(some Offsets) {
	for i := range *rs {
		if o := &(*rs)[i]; o.Topic == some.Topic {
			o.join(some)
			return
		}
	}
	*rs = append(*rs, some)
}

// join adds to the range other records of its topic.
func (o *Offsets) join(other Offsets) {
	o.First, o.Last, o.Count = min(o.First, other.First), max(o.Last, other.Last), o.Count+other.Count
}

// count returns how many records there are.
func (rs ranges) count() int64 {
	n := int64(0)
	for i := range rs {
		n += rs[i].Count
	}
	return n
}
