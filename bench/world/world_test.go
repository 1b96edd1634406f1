package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/leadhook/leadhook/bench/crm"
)

func TestAPlanKeepsSharesAndTimes(t *testing.T) {
	many, few := &set{name: "many", webhooks: 9, share: 90}, &set{name: "few", webhooks: 2, share: 10}
	p := newPlan([]*set{many, few}, 1000, 100)
	if p.count[0] != 900 || p.count[1] != 100 {
		t.Errorf("got %v leads of each set, want 900 and 100", p.count)
	}
	seen := 0
	for lead := int64(1); lead <= 1000; lead++ {
		kind, turn := p.of(lead)
		if kind == 1 {
			if turn != seen {
				t.Fatalf("lead %d is number %d of its set, want %d", lead, turn, seen)
			}
			seen++
		}
		if even := float64(lead) / 10; math.Abs(float64(seen)-even) > 1 {
			t.Fatalf("after %d leads, %d are of the small set, want them spread evenly", lead, seen)
		}
	}
	if got := p.at(101); got != time.Second {
		t.Errorf("lead 101 is due after %v, want 1s", got)
	}
}

// TestLeadsThatDoNotComeAreOld has leads come in 5 ms each, but for half a second in
// which nothing does, and one that never comes.
func TestLeadsThatDoNotComeAreOld(t *testing.T) {
	s := &set{name: "others", webhooks: 1, share: 100}
	p := newPlan([]*set{s}, 300, 100)
	a := newArrivals(p, 10*time.Second)
	h := s.newHosts()
	a.watch(0, h)
	const stands, again = time.Second, 1500 * time.Millisecond
	for lead := int64(1); lead < 300; lead++ {
		at := p.at(lead) + 5*time.Millisecond
		if at >= stands && at < again {
			at = again
		}
		h.Arrived(lead, a.began.Add(at), http.StatusNoContent)
	}
	h.Arrived(7, a.began.Add(2*time.Second), http.StatusNoContent)
	h.Arrived(8, a.began.Add(2*time.Second), http.StatusTooManyRequests)
	got := lookAt(a, span{0, 3 * time.Second}, span{0, stands - 100*time.Millisecond}).first()
	if ms := got.quantile(50); ms < 4 || ms > 6 {
		t.Errorf("half of the leads are at most %.1f ms old, want 5", ms)
	}
	if ms := got.quantile(99); ms < 450 || ms > 510 {
		t.Errorf("99 of 100 are at most %.0f ms old, want almost 500: those that came late count from when they were due", ms)
	}
	if ms := got.quantile(100); ms < 1000 {
		t.Errorf("the oldest is %.0f ms old, want more than a second: one has never come", ms)
	}
	if ms := quantile(got.undisturbed, 100); ms < 4 || ms > 6 {
		t.Errorf("before it stood still, the oldest was %.1f ms old, want 5", ms)
	}
	if got.gap < 490*time.Millisecond || got.gap > 520*time.Millisecond {
		t.Errorf("the longest gap is %v, want half a second", got.gap)
	}
	if got.twice != 1 || got.refused == 0 {
		t.Errorf("got %d that came twice and %.2f refused a second, want 1 and some", got.twice, got.refused)
	}
	const ends = 3 * time.Second
	if before, after := got.back(ends-1500*time.Millisecond, 90), got.back(ends, 90); before != 0 || after < 5*time.Second {
		t.Errorf("the rate is back after %v when leads flow and %v when they have ended, want at once and never", before, after)
	}
}

func TestAFigureIsHeldBesideItsOwnRound(t *testing.T) {
	round := func(rate float64) *result { return &result{sets: map[string]*seen{"others": {rate: rate}}} }
	calm := []*result{round(100), round(200), round(1000)}
	f := rateOf("others", timesCalm(0.9, true))
	for name, c := range map[string]struct {
		this []*result
		met  bool
	}{
		"two of three":      {[]*result{round(95), round(185), round(10)}, true},
		"one of three":      {[]*result{round(95), round(100), round(10)}, false},
		"as much as wanted": {[]*result{round(90), round(180), round(900)}, true},
	} {
		if o := f.evaluate(calm, c.this); o.met != c.met {
			t.Errorf("%s: got %+v, want met: %v", name, o, c.met)
		}
	}
	if o := f.evaluate(calm, []*result{nil, round(100)}); o.rounds != 1 || o.ratio != 0.5 {
		t.Errorf("with the second round alone: got %+v, want half of that one's calm", o)
	}
	if o := f.evaluate(calm, []*result{round(50), round(150), round(900)}); o.ratio != 0.75 {
		t.Errorf("got the ratio %v, want 0.75, the middle of 0.5, 0.75 and 0.9", o.ratio)
	}
}

// TestTheCasesMakeSense looks at what a run would only show after half an hour.
func TestTheCasesMakeSense(t *testing.T) {
	names := map[string]bool{}
	for _, short := range []bool{false, true} {
		clear(names)
		inShort := 0
		for _, g := range allCases(short) {
			hosts := map[string]*crm.Hosts{}
			for _, s := range g.sets {
				if !regexp.MustCompile(`^[a-z]+$`).MatchString(s.name) {
					t.Errorf("%s: a set is called %q, want letters: it is part of the hosts' names", g.name, s.name)
				}
				hosts[s.name] = s.newHosts()
			}
			for _, c := range g.cases {
				if name := g.fullName(c); names[name] {
					t.Errorf("two cases are called %q", name)
				} else {
					names[name] = true
				}
				if c.lasts <= c.warm {
					t.Errorf("%s lasts %v, of which %v do not count", g.fullName(c), c.lasts, c.warm)
				}
				for _, change := range c.changes {
					change.do(hosts) // with a set that is there
				}
				for set := range c.rates {
					if hosts[set] == nil {
						t.Errorf("%s has a rate for %q, want a set that is there", g.fullName(c), set)
					}
				}
				if c.short {
					inShort++
				}
			}
		}
		if inShort == 0 {
			t.Error("a short run has no cases")
		}
	}
}

func TestChosenCasesHaveWhatIsBesideThem(t *testing.T) {
	got := choose(allCases(false), regexp.MustCompile("1,000 hosts that hang"), false)
	if len(got) != 1 || len(got[0].cases) != 2 || got[0].cases[0].name != "calm" {
		t.Errorf("got %d groups, want one with its calm case and one that hangs", len(got))
	}
}

func TestThreeRoundsFitTheTime(t *testing.T) {
	limit, err := time.ParseDuration(usualLimit)
	if err != nil {
		t.Fatal(err)
	}
	sum := time.Duration(0)
	for round := range 3 {
		for _, g := range allCases(false) {
			sum += g.takes(g.inRound(round), 1)
		}
	}
	if sum > limit {
		t.Errorf("they take %v, want at most %v", sum, limit)
	}
}

func TestThePictureIsXML(t *testing.T) {
	text := picture([]mark{{name: `"a" & <b>`, ages: []float64{1, 20, 3e6}, calm: []float64{0, 2, 3}}, {name: "rate", share: 0.12}})
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
	if !strings.Contains(text, "0.12") {
		t.Error("the picture does not say what share of its rate a case had")
	}
}

func TestTheTableReplacesTheOldOne(t *testing.T) {
	got, err := replaceBetween("before\n"+beginMark+"old\n"+endMark+"\nafter", "new\n")
	if want := "before\n" + beginMark + "new\n" + endMark + "\nafter"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := replaceBetween("no marks", "new"); err == nil {
		t.Error("a document without marks: got no error")
	}
}

func TestCPUIsReadFromProc(t *testing.T) {
	const stat = "42 (a) b) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 8 0 100 1000 200"
	if got := cpuOf(stat); got != 3*time.Second {
		t.Errorf("got %v, want 3s", got)
	}
}

// TestAWholeRunIsWrittenIntoTheDocs has each case of each round come to the same.
func TestAWholeRunIsWrittenIntoTheDocs(t *testing.T) {
	m := &measurement{subjects: subjects(""), cases: allCases(false), began: time.Now()}
	for _, g := range m.cases {
		perSecond := total(g.sets)
		if g.leads > 0 {
			perSecond = 0
		}
		a := newArrivals(newPlan(g.sets, 1000, perSecond), time.Second)
		for round := range 3 {
			for _, c := range g.inRound(round) {
				c.note(m.subjects[0], round, lookAt(a, span{0, time.Second}, span{0, time.Second}))
			}
		}
	}
	docs := t.TempDir()
	page, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(docs, "performance.md"), page, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second one replaces the first
		if err := m.write(docs); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(filepath.Join(docs, "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := replaceBetween(string(written), "")
	if want, _ := replaceBetween(string(page), ""); err != nil || table != want {
		t.Errorf("beside the tables, the page has changed, or lost its marks: %v", err)
	}
	for _, g := range m.cases {
		for _, c := range g.cases {
			rows := 1 + len(c.figures) // what it cost, and its figures
			if got := strings.Count(string(written), "| "+g.fullName(c)+" |"); got != rows {
				t.Errorf("%s has %d rows, want %d", g.fullName(c), got, rows)
			}
		}
	}
	cells := 0
	for line := range strings.Lines(m.markdown()) {
		switch n := strings.Count(line, "|"); {
		case n == 0:
			cells = 0
		case cells == 0:
			cells = n
		case n != cells:
			t.Errorf("a row has %d cells, and its table's head %d:\n%s", n-1, cells-1, line)
		}
	}
	if _, err := os.Stat(filepath.Join(docs, pictureFile)); err != nil || !strings.Contains(string(written), "("+pictureFile+")") {
		t.Errorf("the page shows no picture, or it is not there: %v", err)
	}
}

// TestNamesFitThePicture takes letters for 6 pixels wide, as they are by and large.
func TestNamesFitThePicture(t *testing.T) {
	for _, g := range allCases(false) {
		for _, c := range g.cases {
			if width := 6 * len(g.fullName(c)); width > labelWidth {
				t.Errorf("%q takes %d pixels, want at most %d", g.fullName(c), width, labelWidth)
			}
		}
	}
}
