package formats

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// What is here reads times that are not written as in ISO 8601. Few producers write them,
// so it may be slow.

const longestTime = 80 // what is longer is no time

// parseOddTime parses seconds or milliseconds since 1970 and times such as
// "2025-09-16 01:20 AM -04:00" or those of RFC 2822. It calls zone only for a time without
// an offset.
func parseOddTime(s string, zone func() *time.Location) (time.Time, bool) {
	if len(s) > longestTime {
		return time.Time{}, false
	}
	if t, ok := parseUnixTime(s); ok {
		return t, true
	}
	s = strings.Join(strings.FieldsFunc(strings.ToUpper(s), isCommaOrBlank), " ")
	part := oddTime.FindStringSubmatch(s)
	if part == nil {
		return time.Time{}, false
	}
	day, ok := parseDay(part[1])
	if !ok {
		return time.Time{}, false
	}
	clock, ok := parseFirst(part[2]+strings.ReplaceAll(part[3], ".", ""), "15:4:5", "15:4", "3:4:5PM", "3:4PM")
	if !ok {
		return time.Time{}, false
	}
	offset := zone
	if part[4] != "" {
		offset, ok = parseOffset(part[4])
	}
	if !ok {
		return time.Time{}, false
	}
	y, m, d := day.Date()
	return time.Date(y, m, d, clock.Hour(), clock.Minute(), clock.Second(), 0, offset()), true
}

func isCommaOrBlank(r rune) bool {
	return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\u00a0' || r == '\u202f'
}

// oddTime has a day, a time of day, AM or PM, and an offset or the name of a zone; behind
// them may be the zone's name again, in brackets.
var oddTime = regexp.MustCompile(`^(?:[A-Z]{3,9} )?(\S+|\S+ \S+ \d{4})(?: AT | |T)` +
	`(\d{1,2}:\d\d(?::\d\d)?)(?:\.\d+)? ?([AP]\.?M\.?)? ?([A-Z]{1,3}|(?:GMT|UTC)?[+-]\d{1,2}(?::?\d\d)?)? ?(?:[(\[].*[)\]])?$`)

// parseDay parses a day. Of those with slashes or hyphens and the year last it takes only
// those that nobody can read as another day.
func parseDay(s string) (time.Time, bool) {
	if day, ok := parseFirst(s, "2006-1-2", "2006/1/2", "2006.1.2", "2.1.2006", "2 Jan 2006", "2 January 2006", "2-Jan-2006",
		"Jan 2 2006", "January 2 2006"); ok {
		return day, true
	}
	s = strings.ReplaceAll(s, "-", "/")
	american, isAmerican := parseFirst(s, "1/2/2006")
	other, isOther := parseFirst(s, "2/1/2006")
	if isAmerican && isOther && !american.Equal(other) {
		return time.Time{}, false
	}
	if isAmerican {
		return american, true
	}
	return other, isOther
}

// parseFirst parses a time in the first of the layouts that fits.
func parseFirst(s string, layouts ...string) (time.Time, bool) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// zoneHours are the zones that RFC 2822 knows by name, in hours from UTC.
var zoneHours = map[string]int{
	"Z": 0, "UT": 0, "UTC": 0, "GMT": 0,
	"EDT": -4, "EST": -5, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7, "PDT": -7, "PST": -8,
}

// parseOffset parses the name of a zone or an offset such as -04:00, +0530 or GMT+2.
func parseOffset(s string) (zone func() *time.Location, ok bool) {
	const hour = 3600
	if hours, ok := zoneHours[s]; ok {
		return fixed(hours * hour), true
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s, "GMT"), "UTC")
	layout := "-0700"
	switch {
	case len(s) == len("+2"):
		s = s[:1] + "0" + s[1:] + "00"
	case len(s) == len("+02"):
		s += "00"
	case strings.Contains(s, ":"):
		layout = "-07:00"
	}
	t, err := time.Parse(layout, s)
	if err != nil {
		return nil, false
	}
	_, offset := t.Zone() // its location may be that of the machine
	return fixed(offset), true
}

func fixed(offset int) func() *time.Location {
	return func() *time.Location { return time.FixedZone("", offset) }
}

// parseUnixTime parses a number of seconds, milliseconds, microseconds or nanoseconds since
// 1970, which differ in how many digits they have.
func parseUnixTime(s string) (time.Time, bool) {
	if strings.ContainsAny(s, "eE") { // as JavaScript and Python write some numbers
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return time.Time{}, false
		}
		s = strconv.FormatFloat(f, 'f', 3, 64)
	}
	digits, fraction, _ := strings.Cut(s, ".")
	if strings.ContainsFunc(digits+fraction, notADigit) {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	switch len(digits) {
	case 9, 10:
		return time.Unix(n, 0).UTC(), true
	case 12, 13:
		return time.UnixMilli(n).UTC(), true
	case 15, 16:
		return time.UnixMicro(n).UTC(), true
	case 18, 19:
		return time.Unix(0, n).UTC(), true
	}
	return time.Time{}, false
}

func notADigit(r rune) bool { return r < '0' || r > '9' }
