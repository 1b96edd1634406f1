package ledger

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// A mark lies in a small hash, which Redis packs (listpack) as long as it has
// at most 128 fields: 12 bytes a mark instead of 128 for a key of its own. The
// hash is that of a bucket: some neighbouring lead ids, which come at about the
// same time, so that the packing follows the volume by itself.
const (
	leadsPerBucket = 64

	// shares is how many parts the buckets are divided into, for ever. The keys
	// of a share carry its number as a hash tag (Redis Cluster specification,
	// "Hash tags"), so that one script can work on all hashes of a share.
	shares = 64

	// Few deliveries are handed on: more buckets share a hash for their marks.
	// They are in one share, so that they are in one slot of a Cluster.
	togetherHandedOn = 16

	// Ids of more digits are not counted up one by one. They are hashed into a
	// fixed number of buckets.
	countedDigits = 15
	hashedBuckets = 1 << 20
	hashedBit     = 1 << 63
)

// A shelf is all hashes whose marks are kept for the same time. Redis 7.0 has
// no time to live for a field, and a hash that is still written to never
// expires; so a hash is of a period, of half that time, and is kept until its
// last mark may go. A look-up reads the periods that may matter.
type shelf struct {
	name     string
	together uint64        // how many buckets share a hash
	kept     time.Duration // how long a mark is kept at least; at most half as long again
}

// clockSkew is how far ahead the clocks of other instances may be.
const clockSkew = time.Minute

func (s shelf) period() time.Duration { return s.kept / 2 }

func (s shelf) number(at time.Time) int64 { return at.UnixNano() / int64(s.period()) }

// lives is how many seconds a hash that is written now must still live.
func (s shelf) lives(now time.Time) int64 {
	end := time.Unix(0, (s.number(now)+1)*int64(s.period())).Add(s.kept)
	return int64(end.Sub(now)/time.Second) + 1
}

// shelves are where the marks lie.
type shelves struct {
	delivered shelf // of deliveries that were never handed on
	handedOn  shelf
	parts     int // how many parts Redis consists of that can be away by themselves: shares, or 1
}

// A place is where the mark of one delivery lies.
type place struct {
	bucket uint64
	field  uint64 // the first half of the delivery id: 64 bits, unique among the few of a bucket
	part   int    // follows from bucket
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.part, q.part), cmp.Compare(p.bucket, q.bucket))
}

func (s shelves) place(leadID, delivery string) place {
	at := place{bucket: bucket(leadID), field: field(delivery)}
	at.part = bucketShare(at.bucket) % s.parts
	return at
}

func bucket(leadID string) uint64 {
	if len(leadID) <= countedDigits {
		if n, err := strconv.ParseUint(leadID, 10, 64); err == nil {
			return n / leadsPerBucket
		}
	}
	return hashedBit | hash(leadID)%hashedBuckets
}

func bucketShare(bucket uint64) int { return int(bucket / togetherHandedOn % shares) }

// field is 64 bits of the 128 that a delivery id is made of.
func field(delivery string) uint64 {
	const half = 16
	if digits, ok := strings.CutPrefix(delivery, "dlv_"); ok && len(digits) >= half {
		if n, err := strconv.ParseUint(digits[:half], 16, 64); err == nil {
			return n
		}
	}
	return hash(delivery)
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // never fails
	return h.Sum64()
}

func appendField(b []byte, p place) []byte { return binary.BigEndian.AppendUint64(b, p.field) }

// toRead returns the keys of all hashes that may hold a bucket's marks, those
// that most probably do last.
func (s shelves) toRead(bucket uint64, now time.Time) []any {
	keys := s.handedOn.keys(nil, bucket, now, now.Add(clockSkew))
	return s.delivered.keys(keys, bucket, now, now.Add(clockSkew))
}

// toWrite returns the same number of keys of each shelf; the last of a shelf is
// the one to write to.
func (s shelves) toWrite(bucket uint64, now time.Time) []any {
	keys := s.delivered.keys(nil, bucket, now, now)
	return s.handedOn.keys(keys, bucket, now, now)
}

// keys appends the keys of a bucket with the periods from now-kept to last.
func (s shelf) keys(keys []any, bucket uint64, now, last time.Time) []any {
	var room [96]byte
	b := append(room[:0], "leadhook:{"...)
	b = strconv.AppendInt(b, int64(bucketShare(bucket)), 10)
	b = append(append(b, "}:"...), s.name...)
	b = append(b, ':')
	if bucket&hashedBit != 0 {
		b = append(b, 'h')
	}
	b = strconv.AppendUint(b, bucket&^hashedBit/s.together, 10)
	b = append(b, ':')
	newest := s.number(last)
	for n := s.number(now) - 2; n <= newest; n++ {
		keys = append(keys, string(strconv.AppendInt(b, n, 10)))
	}
	return keys
}

// A keyring remembers the keys of the buckets that were asked for last: the leads
// of one come at about the same time, but in many batches. One goroutine at a
// time uses it.
type keyring struct {
	shelves shelves
	list    func(s shelves, bucket uint64, now time.Time) []any // toRead or toWrite

	periods [4]int64 // for which the keys were made: some follow from now, and some from a little later
	keys    map[uint64][]any
}

const mostKeys = 512 // buckets, some hundred bytes each

func (r *keyring) of(bucket uint64, now time.Time) []any {
	soon := now.Add(clockSkew)
	periods := [...]int64{
		r.shelves.delivered.number(now), r.shelves.delivered.number(soon),
		r.shelves.handedOn.number(now), r.shelves.handedOn.number(soon),
	}
	keys, known := r.keys[bucket]
	if known && r.periods == periods {
		return keys
	}
	if r.periods != periods || len(r.keys) >= mostKeys {
		r.periods, r.keys = periods, make(map[uint64][]any)
	}
	keys = r.list(r.shelves, bucket, now)
	r.keys[bucket] = keys
	return keys
}
