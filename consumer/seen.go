package consumer

import "time"

// A sight is a moment at which the records below an offset were in the log.
type sight struct {
	at  time.Time
	end int64
}

// sights tell when a record could first have been seen, so that none waits longer than its
// topic's delay from then, whatever its timestamp says, and those behind it that came at
// the same time do not wait once more. The zero value is ready for use. Only one goroutine
// may use it.
type sights struct {
	list []sight // the oldest first; both fields rise
}

// mostSights bounds the list. Beyond it the times become coarser: a record may then be taken
// for one that came later.
const mostSights = 64

// note notes that the log ends before an offset at this moment.
func (s *sights) note(end int64, now time.Time) {
	if n := len(s.list); n > 0 && s.list[n-1].end >= end {
		return
	}
	if len(s.list) == mostSights {
		for i := range mostSights / 2 {
			s.list[i] = s.list[2*i+1]
		}
		s.list = s.list[:mostSights/2]
	}
	s.list = append(s.list, sight{now, end})
}

// of returns when the record at an offset was first seen; now, if it was not. It forgets
// what it knows of those before it.
func (s *sights) of(offset int64, now time.Time) time.Time {
	for len(s.list) > 0 && s.list[0].end <= offset {
		s.list = s.list[1:]
	}
	if len(s.list) == 0 {
		return now
	}
	return s.list[0].at
}
