// Package entry is what the records of the topic of webhooks are: the value of one, with
// its stamp in clear and its contents sealed in a box, and the list of an advertiser's
// webhooks that such a box holds. The same bytes are kept in Kafka and in Redis.
//
// It does not know where a value comes from or goes to, and decides nothing.
package entry

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Stamp is what everybody can see of an entry. It decides which of two entries of a
// key counts: of those of the log's epoch, the one with the greatest number.
type Stamp struct {
	Epoch  string // which log the entry was written for
	Number int64  // one more than that of the entry that it was made from; the first is 1
	Change string // names the change that made the entry
}

// MaxNumber is the greatest number of a stamp: Redis compares numbers as 64-bit floats,
// which hold every integer up to it.
const MaxNumber = 1<<53 - 1

// MaxBytes is the size of the largest value that is written. A topic of webhooks takes
// records of twice that size.
const MaxBytes = 512 << 10

// NewID returns a fresh name of a change, that nobody can guess or repeat.
func NewID() string { return rand.Text() }

// NewEpoch returns a fresh name of an epoch. As a text it is greater than each of the
// given ones, and than those that were made earlier by a clock that is right.
func NewEpoch(known ...string) string {
	const digits = 12 // of the milliseconds since 1970, in hexadecimal
	now := time.Now().UnixMilli()
	for _, epoch := range known {
		if at, err := strconv.ParseInt(epoch[:min(len(epoch), digits)], 16, 64); err == nil {
			now = max(now, at+1)
		}
	}
	return fmt.Sprintf("%0*X%s", digits, now, rand.Text())
}

// AfterID returns the name of the change that repairs what the given one wrote. Whoever
// repairs the same entry gives it the same name.
func AfterID(change string) string {
	sum := sha256.Sum256([]byte("repairs " + change))
	return base32.StdEncoding.EncodeToString(sum[:])[:26]
}

// An Entry is the value of a record, beside its key.
type Entry struct {
	Stamp
	Box []byte // opened with [Entry.Bound]
}

const magic = "leadhook/1"

// Value returns the bytes of the entry.
func (e *Entry) Value() []byte {
	b := make([]byte, 0, len(magic)+len(e.Epoch)+len(e.Change)+len(e.Box)+24)
	b = append(b, magic+" "+e.Epoch+" "...)
	b = strconv.AppendInt(b, e.Number, 10)
	b = append(b, " "+e.Change+"\n"...)
	return append(b, e.Box...)
}

// Bound returns what the box of an entry is bound to: it opens only for this key and
// with this stamp.
func (s *Stamp) Bound(key string) []byte {
	return []byte(strings.Join([]string{magic, key, s.Epoch, strconv.FormatInt(s.Number, 10), s.Change}, "\x00"))
}

var errNotOurs = errors.New("it is not what leadhook writes")

// Parse reads the bytes of an entry. The box refers to them. The error says what is wrong
// with them.
func Parse(value []byte) (Entry, error) {
	line, box, ok := bytes.Cut(value, []byte("\n"))
	if !ok || len(line) > 256 {
		return Entry{}, errNotOurs
	}
	words := strings.Split(string(line), " ")
	if version, isOurs := strings.CutPrefix(words[0], "leadhook/"); isOurs && words[0] != magic {
		return Entry{}, fmt.Errorf("it has layout %q, this version of leadhook reads layout 1", version)
	}
	if len(words) != 4 || words[0] != magic || !isID(words[1]) || !isID(words[3]) {
		return Entry{}, errNotOurs
	}
	number, err := strconv.ParseInt(words[2], 10, 64)
	if err != nil || number < 1 || number > MaxNumber || strconv.FormatInt(number, 10) != words[2] {
		return Entry{}, fmt.Errorf("its number is not one from 1 to %d", int64(MaxNumber))
	}
	return Entry{Stamp{words[1], number, words[3]}, box}, nil
}

// isID reports whether s can be the name of an epoch or of a change.
func isID(s string) bool {
	const longest = 64
	return s != "" && len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}
