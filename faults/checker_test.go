//go:build faults

package faults

import (
	"testing"
	"time"
)

// These tests are about the checker, with posts and faults made up for them.

func TestCheckerFindsTheCause(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(1_000_000).Add(time.Duration(ms) * time.Millisecond) }
	taken := func(begin, end int, status uint16) *post {
		return &post{begin: at(begin).UnixMicro(), end: at(end).UnixMicro(), status: status, taken: true}
	}
	kill := []fault{{what: killed, from: at(1000), to: at(1005)}}
	away := []fault{{what: redisOff, from: at(1000), to: at(3000)}}
	for _, c := range []struct {
		name       string
		once, next *post
		faults     []fault
		want       cause
	}{
		{"nothing happened", taken(900, 950, 204), taken(2000, 2010, 204), nil, withoutCause},
		{"answered after the kill", taken(900, 1100, 204), taken(2000, 2010, 204), kill, inFlight},
		{"cut by the kill", taken(900, 1001, 0), taken(2000, 2010, 204), kill, inFlight},
		{"began while it died", taken(1003, 1006, 0), taken(2000, 2010, 204), kill, inFlight},
		{"answered just before the kill", taken(900, 950, 204), taken(2000, 2010, 204), kill, unmarked},
		{"answered long before the kill", taken(400, 500, 204), taken(2000, 2010, 204), kill, withoutCause},
		{"came again before the kill", taken(900, 950, 204), taken(960, 970, 204), kill, withoutCause},
		{"sent before the kill, read after it", taken(1100, 1150, 204), taken(2000, 2010, 204), kill, inFlight},
		{"sent after the kill", taken(1200, 1250, 204), taken(2000, 2010, 204), kill, withoutCause},
		{"the answer was not sent", taken(100, 110, 0), taken(2000, 2010, 204), nil, maybeReceived},
		{"taken while Redis was away", taken(2000, 2010, 204), taken(4000, 4010, 204), away, noLedger},
		{"taken before Redis lost it", taken(100, 110, 204), taken(4000, 4010, 204), away, noLedger},
		{"taken after Redis was back", taken(3500, 3510, 204), taken(4000, 4010, 204), away, withoutCause},
		{"came again before Redis was away", taken(100, 110, 204), taken(500, 510, 204), away, withoutCause},
	} {
		if got := why(c.once, c.next, c.faults); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCheckerPlacesEachPairOnce(t *testing.T) {
	for _, c := range []struct {
		name      string
		pair      pair
		delivered bool
		want      tally
	}{
		{"delivered", pair{}, true, tally{wanted: 1, delivered: 1}},
		{"delivered, its record behind an open one", pair{open: true, scheduled: true}, true, tally{wanted: 1, delivered: 1}},
		{"delivered and buried", pair{dead: true}, true, tally{wanted: 1, delivered: 1, buried: 1}},
		{"open", pair{open: true}, false, tally{wanted: 1, open: 1}},
		{"read again although it waits", pair{open: true, scheduled: true}, false, tally{wanted: 1, open: 1}},
		{"waits", pair{scheduled: true}, false, tally{wanted: 1, scheduled: 1}},
		{"dead", pair{dead: true}, false, tally{wanted: 1, dead: 1}},
		{"nowhere", pair{}, false, tally{wanted: 1, lost: 1}},
	} {
		var got tally
		got.place(&c.pair, c.delivered)
		if !got.equal(c.want) {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

// equal compares all but what came twice.
func (t tally) equal(o tally) bool {
	return t.wanted == o.wanted && t.delivered == o.delivered && t.open == o.open && t.scheduled == o.scheduled &&
		t.dead == o.dead && t.lost == o.lost && t.buried == o.buried
}
