package receipt

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// Append appends the receipt as one JSON object, without a newline. It writes [Version],
// whatever the receipt's own is. Text that is not valid UTF-8 gets U+FFFD where it is not.
func (r *Receipt) Append(b []byte) []byte {
	b = append(b, `{"version":`...)
	b = strconv.AppendInt(b, Version, 10)
	b = text(b, `"type":`, string(r.Type))
	b = place(b, `"place":`, r.Place)
	b = place(b, `"source":`, r.Source)
	b = instant(b, `"at":`, r.At)
	b = text(b, `"instance":`, r.Instance)
	b = text(b, `"advertiser":`, r.Advertiser)
	b = text(b, `"lead":`, r.Lead)
	b = text(b, `"kind":`, string(r.Kind))
	b = text(b, `"trigger":`, string(r.Trigger))
	b = truth(b, `"test":`, r.Test)
	b = instant(b, `"published":`, r.Published)
	b = texts(b, `"emails":`, r.Emails)
	b = texts(b, `"phones":`, r.Phones)
	b = text(b, `"outcome":`, string(r.Outcome))
	b = number(b, `"wanted":`, int64(r.Wanted))
	b = list(b, `"declined":`, r.Declined, (*Decline).appendTo)
	b = text(b, `"reason":`, string(r.Reason))
	b = text(b, `"error":`, r.Error)
	b = instant(b, `"until":`, r.Until)
	b = list(b, `"deliveries":`, r.Deliveries, (*Delivery).appendTo)
	if len(r.Offsets) > 0 {
		b = count(b, `"partition":`, int64(r.Partition))
	}
	b = list(b, `"offsets":`, r.Offsets, (*Offsets).appendTo)
	b = number(b, `"count":`, r.Count)
	b = instant(b, `"since":`, r.Since)
	return append(b, '}')
}

func (d *Decline) appendTo(b []byte) []byte {
	b = text(append(b, '{'), `"why":`, string(d.Why))
	b = count(b, `"count":`, int64(d.Count))
	b = texts(b, `"webhooks":`, d.Webhooks)
	return append(b, '}')
}

func (o *Offsets) appendTo(b []byte) []byte {
	b = text(append(b, '{'), `"topic":`, o.Topic)
	b = count(b, `"first":`, o.First)
	b = count(b, `"last":`, o.Last)
	b = count(b, `"count":`, o.Count)
	return append(b, '}')
}

func (d *Delivery) appendTo(b []byte) []byte {
	b = text(append(b, '{'), `"id":`, d.ID)
	b = text(b, `"webhook":`, d.Webhook)
	b = text(b, `"host":`, d.Host)
	b = text(b, `"outcome":`, string(d.Outcome))
	b = instant(b, `"until":`, d.Until)
	b = text(b, `"why":`, d.Why)
	b = text(b, `"reason":`, string(d.Reason))
	b = number(b, `"mark":`, int64(d.Mark))
	b = number(b, `"step":`, int64(d.Step))
	b = number(b, `"made":`, int64(d.Made))
	b = number(b, `"replays":`, int64(d.Replays))
	b = text(b, `"actor":`, d.Actor)
	b = list(b, `"attempts":`, d.Attempts, (*Attempt).appendTo)
	return append(b, '}')
}

func (a *Attempt) appendTo(b []byte) []byte {
	b = count(append(b, '{'), `"number":`, int64(a.Number))
	b = instant(b, `"at":`, a.At)
	b = count(b, `"ms":`, a.Millis)
	b = text(b, `"host":`, a.Host)
	b = text(b, `"family":`, a.Family)
	b = number(b, `"status":`, int64(a.Status))
	b = text(b, `"outcome":`, string(a.Outcome))
	b = text(b, `"evidence":`, string(a.Evidence))
	b = text(b, `"cause":`, string(a.Cause))
	b = text(b, `"error":`, a.Error)
	b = text(b, `"words":`, a.Words)
	b = text(b, `"answer":`, a.Answer)
	b = text(b, `"location":`, a.Location)
	b = text(b, `"record":`, a.Record)
	b = text(b, `"rule":`, a.Rule)
	b = truth(b, `"doubt":`, a.Doubt)
	return append(b, '}')
}

// The functions below append a member, unless it is empty. Its name comes with its quotes
// and the colon.

func name(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(b, name...)
}

func text(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	return quote(name(b, key), s)
}

func texts(b []byte, key string, all []string) []byte {
	if len(all) == 0 {
		return b
	}
	b = append(name(b, key), '[')
	for i, s := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = quote(b, s)
	}
	return append(b, ']')
}

func list[T any](b []byte, key string, all []T, appendTo func(*T, []byte) []byte) []byte {
	if len(all) == 0 {
		return b
	}
	b = append(name(b, key), '[')
	for i := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTo(&all[i], b)
	}
	return append(b, ']')
}

func number(b []byte, key string, n int64) []byte {
	if n == 0 {
		return b
	}
	return count(b, key, n)
}

// count also appends 0.
func count(b []byte, key string, n int64) []byte {
	return strconv.AppendInt(name(b, key), n, 10)
}

func truth(b []byte, key string, is bool) []byte {
	if !is {
		return b
	}
	return append(name(b, key), "true"...)
}

func place(b []byte, key string, p Place) []byte {
	if p == (Place{}) {
		return b
	}
	b = append(name(b, key), '"')
	return append(p.appendTo(b), '"') // the characters of a topic's name need no escape
}

// instant leaves out years that RFC 3339 cannot write: some producers write microseconds
// where Kafka has milliseconds.
func instant(b []byte, key string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return b
	}
	hour, minute, second := t.Clock()
	millis := t.Nanosecond() / int(time.Millisecond)
	room := [26]byte([]byte(`"0000-00-00T00:00:00.000Z"`))
	digits(room[1:5], year)
	digits(room[6:8], int(month))
	digits(room[9:11], day)
	digits(room[12:14], hour)
	digits(room[15:17], minute)
	digits(room[18:20], second)
	digits(room[21:24], millis)
	return append(name(b, key), room[:]...)
}

// digits fills b with the digits of a number.
func digits(b []byte, n int) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = '0' + byte(n%10)
		n /= 10
	}
}

// quote appends a JSON string.
func quote(b []byte, s string) []byte {
	b = append(b, '"')
	for {
		n := plain(s)
		b = append(b, s[:n]...)
		if s = s[n:]; s == "" {
			return append(b, '"')
		}
		if c := s[0]; c < utf8.RuneSelf {
			b, s = escape(b, c), s[1:]
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		b, s = utf8.AppendRune(b, r), s[size:]
	}
}

// plain returns how many bytes s begins with that need no look: ASCII, but no control
// characters, quotes and backslashes. It looks at eight at once.
func plain(s string) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		quotes, slashes := w^(ones*'"'), w^(ones*'\\')
		if (w|(w-ones*' ')|(quotes-ones)|(slashes-ones))&tops != 0 { // a byte that is smaller borrows
			break
		}
	}
	for i < len(s) && ' ' <= s[i] && s[i] < utf8.RuneSelf && s[i] != '"' && s[i] != '\\' {
		i++
	}
	return i
}

func escape(b []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	if c == '"' || c == '\\' {
		return append(b, '\\', c)
	}
	return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
}
