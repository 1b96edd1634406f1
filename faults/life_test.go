//go:build faults

package faults

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// A life is a webhook that an operator changes while leads flow: all that it has been,
// or may have been.
type life struct {
	hook hook // what never changes: id, advertiser, what it takes

	mu     sync.Mutex
	stages []stage // guarded by mu; in the order in which they were asked for
}

// A stage is what a webhook is from one change on. Of a command that failed nobody knows
// whether its change counts; then the webhook may be what it was before as well. Of two
// commands that ran at the same time nobody knows which was first.
type stage struct {
	address string    // the path and the token of its POSTs; empty: leads are not sent
	asked   time.Time // when the command began
	ended   time.Time // when it ended; zero: it has not
	how     ending
}

// An ending is what a command said of its change.
type ending int

const (
	unknown      ending = iota // nothing that one can rely on
	acknowledged               // it counts
	refused                    // it does not count, since somebody else was first
)

// ask notes that a change is asked for; the returned function, how that ended.
func (l *life) ask(address string) (ended func(ending)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stages = append(l.stages, stage{address: address, asked: time.Now()})
	n := len(l.stages) - 1
	return func(how ending) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stages[n].ended, l.stages[n].how = time.Now(), how
	}
}

// counted says whether a change was acknowledged at a moment.
func (s *stage) counted(at time.Time) bool { return s.how == acknowledged && !s.ended.After(at) }

// after says whether a change was asked for when another one was over.
func (s *stage) after(o *stage) bool { return !o.ended.IsZero() && !s.asked.Before(o.ended) }

// changes is how many changes ended in a way.
func (l *life) changes(how ending) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.stages {
		if s.how == how {
			n++
		}
	}
	return n
}

// possible are the stages that the webhook may have been in at a moment or later; certain
// is false if it may not have been there at all.
func (l *life) possible(at time.Time) (stages []stage, certain bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.stages {
		s := &l.stages[i]
		certain = certain || s.counted(at)
		over := func(o stage) bool { return o.counted(at) && o.after(s) }
		if s.how != refused && !slices.ContainsFunc(l.stages, over) {
			stages = append(stages, *s)
		}
	}
	return stages, certain
}

// must says whether a lead that was published at a moment must be delivered: the webhook
// wanted it from then on, whatever was changed since.
func (l *life) must(published time.Time) bool {
	stages, certain := l.possible(published)
	return certain && !slices.ContainsFunc(stages, func(s stage) bool { return s.address == "" })
}

// took says whether a lead that was published at a moment was sent to what a change had
// taken away before: to an address or with a token that the webhook had, or although
// nothing was to be sent any more.
func (l *life) took(address string, published time.Time) bool {
	stages, _ := l.possible(published)
	return !slices.ContainsFunc(stages, func(s stage) bool { return s.address == address })
}

// had says whether the webhook ever had an address.
func (l *life) had(address string) bool {
	stages, _ := l.possible(time.Time{})
	return slices.ContainsFunc(stages, func(s stage) bool { return s.address == address })
}

// over says whether leads are not sent to it any more, as far as was asked for.
func (l *life) over() bool {
	stages, _ := l.possible(time.Time{})
	return len(stages) > 0 && stages[len(stages)-1].address == ""
}

// separator is between the path and the token of an address.
const separator = " "

// addressOf is the address of a webhook as it is.
func addressOf(path, token string) string { return strings.TrimSpace(path + separator + token) }
