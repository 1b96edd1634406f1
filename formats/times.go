package formats

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the service's image holds nothing but the binary: no zones either

	"github.com/leadhook/leadhook/lead"
)

// adfTime is how ADF wants a time (ISO 8601 with offset, no fraction); UTC is
// +00:00 there.
const adfTime = "2006-01-02T15:04:05-07:00"

// noYear is the year of a time that was never set, as Go and .NET write it.
const noYear = 1

// Times are written with an offset in one of these styles, or without.
var (
	zonedTimes = []string{
		"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04Z07:00",
	}
	localTimes = []string{"2006-01-02T15:04:05", "2006-01-02T15:04"}
)

// requestDate is when the lead came about, by the first time that can be read.
// Kafka's own, which always can, is the last resort.
func requestDate(ev *lead.Event, about, advertiser object) string {
	zone := func() *time.Location { return location(advertiser.text("time_zone")) }
	for _, s := range [...]string{about.text("occured_at"), about.text("created_at"), ev.PublishedAt} {
		if t, ok := parseTime(s, zone); ok && t.Year() > noYear {
			return t.Format(adfTime)
		}
	}
	return recordTime(ev.Received).Format(adfTime)
}

// recordTime is the time of a record, in a year that ADF can write: a producer
// may have put micro- or nanoseconds where Kafka counts milliseconds.
func recordTime(t time.Time) time.Time {
	for t.UTC().Year() > 9999 {
		t = time.UnixMilli(t.UnixMilli() / 1000)
	}
	return t.UTC()
}

// parseTime reads a time; zone is asked only for one that has none itself.
func parseTime(s string, zone func() *time.Location) (time.Time, bool) {
	s = tidyTime(s)
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
	return time.Time{}, false
}

// tidyTime gives the date styles of producers one shape: blanks around, between
// date and time or before the offset, and UTC by its name.
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

// location finds a zone by its IANA name; UTC stands in for one that nobody
// knows. "Local" would be the zone of the machine that happens to render.
func location(name string) *time.Location {
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

// zones are those that were found before: time.LoadLocation reads a file each
// time.
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
	const most = 1000 // IANA has 600 names, but "Asia//Tokyo" is found, too
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byName == nil {
		c.byName = map[string]*time.Location{}
	}
	if len(c.byName) < most {
		c.byName[strings.Clone(name)] = loc
	}
}
