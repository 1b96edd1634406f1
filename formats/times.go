package formats

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the service's image has no files but the binary, so no time zones
	"unicode"
)

// adfTime is the layout of a time in ADF: ISO 8601 with an offset, which is +00:00
// for UTC, and without a fraction.
const adfTime = "2006-01-02T15:04:05-07:00"

// The layouts of times with an offset, and of times without.
var (
	zonedTimes = []string{
		"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04Z07:00",
	}
	localTimes = []string{"2006-01-02T15:04:05", "2006-01-02T15:04"}
)

// requestDate returns when the lead came about: the first of its times that can be
// parsed, or else the record's, which always exists. What could not be parsed before is
// noted for the comments.
func (p *prospect) requestDate() string {
	zone := func() *time.Location { return timeZone(p.advertiser.text("time_zone")) }
	for _, given := range [...]struct{ label, value string }{
		{"Occurred at", p.about.shown("occured_at")},
		{"Created at", p.about.shown("created_at")},
		{"Published at", clean(p.ev.PublishedAt)},
	} {
		switch t, ok := parseTime(given.value, zone); {
		case ok && !neverSet(t):
			return t.Format(adfTime)
		case !ok && saysWhen(given.value):
			p.unread.add(given.label, given.value)
		}
	}
	return recordTime(p.ev.Received).Format(adfTime)
}

// saysWhen reports whether somebody may understand a time that cannot be parsed. 0000-00-00
// and false stand for none.
func saysWhen(s string) bool {
	return s != "false" && strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || '1' <= r && r <= '9' })
}

// neverSet reports whether a time is the zero of Go and .NET, or that of Unix.
func neverSet(t time.Time) bool { return t.Year() <= 1 || t.Unix() == 0 }

// recordTime returns the time of a record, in a year that ADF can represent: a
// producer may have written micro- or nanoseconds in place of milliseconds.
func recordTime(t time.Time) time.Time {
	for t.UTC().Year() > 9999 {
		t = time.UnixMilli(t.UnixMilli() / 1000)
	}
	return t.UTC()
}

// parseTime parses a time. It calls zone only for a time without an offset.
func parseTime(given string, zone func() *time.Location) (time.Time, bool) {
	if given == "" {
		return time.Time{}, false
	}
	s := tidyTime(given)
	for _, layout := range zonedTimes {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	for _, layout := range localTimes {
		if _, err := time.Parse(layout, s); err == nil {
			t, err := time.ParseInLocation(layout, s, zone())
			return t, err == nil
		}
	}
	return parseOddTime(given, zone)
}

// tidyTime brings the spellings of producers into one form: they have blanks around
// a time, between date and time or before the offset, and UTC or GMT by name.
func tidyTime(s string) string {
	const date = len("2006-01-02")
	s = strings.ToUpper(strings.TrimSpace(s))
	if len(s) <= date {
		return s
	}
	clock := strings.Join(strings.Fields(s[date:]), "")
	for _, utc := range [...]string{"UTC", "GMT"} {
		if local, ok := strings.CutSuffix(clock, utc); ok {
			clock = local + "Z"
		}
	}
	return s[:date] + "T" + strings.TrimPrefix(clock, "T")
}

// timeZone returns the time zone with that IANA name, and UTC for an unknown name.
// "Local" counts as unknown: it is the zone of the machine.
func timeZone(name string) *time.Location {
	if loc, ok := zones.find(name); ok {
		return loc
	}
	loc, err := time.LoadLocation(name)
	if err != nil || loc == time.Local {
		return time.UTC
	}
	zones.keep(name, loc)
	return loc
}

// zones has the time zones that were found, since time.LoadLocation reads a file at
// each call.
var zones zoneCache

type zoneCache struct {
	mu     sync.RWMutex
	byName map[string]*time.Location // guarded by mu
}

func (c *zoneCache) find(name string) (*time.Location, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	loc, ok := c.byName[name]
	return loc, ok
}

func (c *zoneCache) keep(name string, loc *time.Location) {
	const most = 1000 // IANA has 600 names, but others such as "Asia//Tokyo" are found too
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byName == nil {
		c.byName = map[string]*time.Location{}
	}
	if len(c.byName) < most {
		c.byName[strings.Clone(name)] = loc
	}
}
