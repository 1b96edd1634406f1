//go:build faults

package faults

import (
	"cmp"
	"strings"
	"testing"
	"time"
)

// These tests are about the checker, with posts and faults made up for them.

func TestCheckerFindsTheCause(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(1_000_000).Add(time.Duration(ms) * time.Millisecond) }
	const victim, other = 1, 2
	by := func(instance uint16, begin, end int, status uint16) *post {
		return &post{begin: at(begin).UnixMicro(), end: at(end).UnixMicro(), status: status, instance: instance, taken: true}
	}
	taken := func(begin, end int, status uint16) *post { return by(victim, begin, end, status) }
	kill := []fault{{what: killed, instance: victim, from: at(1000), to: at(1005)}}
	away := []fault{{what: redisOff, from: at(5000), to: at(7000)}}
	lost := []fault{{what: redisLost, from: at(5000), to: at(7000)}}
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
		{"by another instance than was killed", by(other, 900, 1100, 204), taken(2000, 2010, 204), kill, withoutCause},
		{"by another, just before the kill", by(other, 900, 950, 204), taken(2000, 2010, 204), kill, withoutCause},
		{"by nobody of the suite's", by(0, 900, 1100, 204), taken(2000, 2010, 204), kill, withoutCause},
		{"first by the victim, then by another", taken(900, 1100, 204), by(other, 2000, 2010, 204), kill, inFlight},
		{"first by another, then by the victim", by(other, 900, 990, 204), taken(995, 1002, 0), kill, withoutCause},
		{"taken while Redis was away", taken(6000, 6010, 204), taken(9500, 9510, 204), away, noLedger},
		{"taken just before Redis was killed", taken(4000, 4100, 204), taken(9500, 9510, 204), away, noLedger},
		{"looked up while Redis was away", taken(100, 110, 204), taken(6000, 6010, 204), away, noLedger},
		{"looked up soon after Redis was back", taken(100, 110, 204), taken(8000, 8010, 204), away, noLedger},
		{"marked long before Redis was away, looked up long after", taken(100, 110, 204), taken(9500, 9510, 204), away, withoutCause},
		{"taken before Redis lost it", taken(100, 110, 204), taken(9500, 9510, 204), lost, noLedger},
		{"taken after Redis was back", taken(7500, 7510, 204), taken(9500, 9510, 204), lost, withoutCause},
		{"came again before Redis was away", taken(100, 110, 204), taken(500, 510, 204), lost, withoutCause},
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

func TestCheckerKnowsWhatWasBuried(t *testing.T) {
	at := time.Now()
	for name, c := range map[string]struct {
		pair pair
		want bool
	}{
		"no letter":                       {pair{}, false},
		"a letter of before it, replayed": {pair{dead: true, died: at.Add(-time.Second)}, false},
		"a letter of after it":            {pair{dead: true, died: at.Add(time.Second)}, true},
	} {
		if got := c.pair.buried(at); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestCheckerComparesBodies(t *testing.T) {
	const lead = `{"lead": {"id": 1, "event_type": "call"}}`
	h := &hook{ID: "w"}
	for name, c := range map[string]struct {
		body string
		want int
	}{
		"the lead's":       {lead, 0},
		"one byte altered": {strings.Replace(lead, "call", "cell", 1), 1},
		"another lead's":   {strings.Replace(lead, "1", "2", 1), 1},
		"none":             {"", 1},
	} {
		a := &account{}
		a.follow(&pair{hook: h, body: sum([]byte(lead))}, &post{body: sum([]byte(c.body))}, h.path())
		if a.foreign != c.want {
			t.Errorf("%s: %d bodies are foreign, want %d", name, a.foreign, c.want)
		}
	}
}

// equal compares all but what came twice.
func (t tally) equal(o tally) bool {
	return t.wanted == o.wanted && t.delivered == o.delivered && t.open == o.open && t.scheduled == o.scheduled &&
		t.dead == o.dead && t.lost == o.lost && t.buried == o.buried
}

// during is a stage of a webhook that was asked for and ended at some seconds.
func during(address string, asked, ended int, how ending) stage {
	s := stage{address: address, asked: time.Unix(int64(asked), 0), how: how}
	if ended > 0 {
		s.ended = time.Unix(int64(ended), 0)
	}
	return s
}

func TestCheckerKnowsWhereALeadMustGo(t *testing.T) {
	seeded := during("a", 10, 11, acknowledged)
	for _, c := range []struct {
		name      string
		stages    []stage
		published int
		must      bool   // be delivered
		may       string // each address is one letter; "-" is nowhere
	}{
		{"before it was asked for", []stage{seeded}, 9, false, "a"},
		{"while it is being added", []stage{seeded}, 10, false, "a"},
		{"after it was added", []stage{seeded}, 11, true, "a"},
		{"while it is being changed", []stage{seeded, during("b", 20, 22, acknowledged)}, 21, true, "ab"},
		{"after it was changed", []stage{seeded, during("b", 20, 22, acknowledged)}, 22, true, "b"},
		{"long before it was disabled", []stage{seeded, during("", 20, 22, acknowledged)}, 12, false, "a-"},
		{"after it was disabled", []stage{seeded, during("", 20, 22, acknowledged)}, 22, false, "-"},
		{"after it was added again", []stage{seeded, during("", 20, 22, acknowledged), during("c", 30, 31, acknowledged)}, 31, true, "c"},
		{"after a command that failed", []stage{seeded, during("b", 20, 22, unknown)}, 30, true, "ab"},
		{"after a removal that failed", []stage{seeded, during("", 20, 22, unknown)}, 30, false, "a-"},
		{"after a command that never ended", []stage{seeded, during("b", 20, 0, unknown), during("c", 30, 31, acknowledged)}, 40, true, "bc"},
		{"after one that failed and one that did not", []stage{seeded, during("b", 20, 22, unknown), during("c", 30, 31, acknowledged)}, 31, true, "c"},
		{"after a change that was refused", []stage{seeded, during("b", 20, 22, refused)}, 30, true, "a"},
		{"after two at the same time", []stage{seeded, during("b", 20, 23, acknowledged), during("c", 21, 22, acknowledged)}, 30, true, "bc"},
		{"between the ends of two at the same time", []stage{seeded, during("b", 20, 24, acknowledged), during("c", 21, 22, acknowledged)}, 23, true, "bc"},
	} {
		l, at := &life{stages: c.stages}, time.Unix(int64(c.published), 0)
		var may strings.Builder
		for _, address := range []string{"a", "b", "c", ""} {
			if !l.took(address, at) {
				may.WriteString(cmp.Or(address, "-"))
			}
		}
		if must := l.must(at); must != c.must || may.String() != c.may {
			t.Errorf("%s: got must %v, may %q; want %v, %q", c.name, must, may.String(), c.must, c.may)
		}
	}
}
