package consumer

import (
	"testing"

	"pgregory.net/rapid"
)

// model is a window in its plainest form.
type model struct {
	base, next int64
	open       map[int64]bool
}

func (m *model) committable() int64 {
	for o := m.base; o < m.next; o++ {
		if m.open[o] {
			return o
		}
	}
	return m.next
}

func TestWindowBehavesLikeThePlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.Int64Range(0, 1<<40).Draw(t, "start")
		w, m := newWindow(start), &model{base: start, next: start, open: map[int64]bool{}}
		w.limit = 4096 // small enough to be met
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				offset := m.next + rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 700)).Draw(t, "gap")
				fits := m.committable() == m.next || offset-m.committable() < 4096
				if got := w.add(offset); got != fits {
					t.Fatalf("add(%d) = %v with the prefix at %d, want %v", offset, got, m.committable(), fits)
				}
				if fits {
					if m.committable() == m.next {
						m.base = offset
					}
					m.open[offset], m.next = true, offset+1
				}
			},
			"settle": func(t *rapid.T) {
				open := openOffsets(m)
				if len(open) == 0 {
					return
				}
				offset := rapid.SampledFrom(open).Draw(t, "offset")
				before := m.committable()
				delete(m.open, offset)
				if got, want := w.settle(offset), m.committable() != before; got != want {
					t.Fatalf("settle(%d) says that the prefix moved: %v, want %v", offset, got, want)
				}
			},
			"": func(t *rapid.T) {
				if got, want := w.committable(), m.committable(); got != want {
					t.Fatalf("committable is %d, want %d", got, want)
				}
				if _, got := w.oldest(); got != (len(m.open) > 0) {
					t.Fatalf("oldest says that something is open: %v, with %d open", got, len(m.open))
				}
			},
		})
	})
}

func openOffsets(m *model) []int64 {
	var open []int64
	for o := m.committable(); o < m.next; o++ {
		if m.open[o] {
			open = append(open, o)
		}
	}
	return open
}

func TestWindowHoldsAMillionSettledOffsetsBehindAnOpenOne(t *testing.T) {
	w := newWindow(7)
	for o := int64(7); o < 7+largestRing; o++ {
		if !w.add(o) {
			t.Fatalf("full at offset %d", o)
		}
		if o > 7 {
			w.settle(o)
		}
	}
	if w.add(7 + largestRing) {
		t.Error("took more than its limit")
	}
	if got := w.committable(); got != 7 {
		t.Errorf("committable is %d while offset 7 is open", got)
	}
	w.settle(7)
	if got, want := w.committable(), int64(7+largestRing); got != want {
		t.Errorf("committable is %d, want %d", got, want)
	}
}

func BenchmarkWindow(b *testing.B) {
	w := newWindow(0)
	for o := int64(0); b.Loop(); o++ {
		w.add(o)
		w.settle(o)
	}
}
