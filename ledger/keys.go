package ledger

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"slices"
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

	// shards is how many parts the buckets are divided into, for ever. The keys
	// of a shard carry its number as a hash tag (Redis Cluster specification,
	// "Hash tags"), so that one script can work on all hashes of a shard.
	shards = 64

	// Few deliveries are handed on, so several buckets share one hash for the marks
	// of those. All of them are in one shard, and so in one slot of a Cluster.
	togetherHandedOn = 16

	// Ids of more than countedDigits digits are not counted up one by one. They are
	// hashed into a fixed number of buckets.
	countedDigits = 15
	hashedBuckets = 1 << 20
	hashedBit     = 1 << 63
)

// A retention is how long marks are kept, and in which hashes. Redis 7.0 has no time
// to live for a field, and a hash that is still written to never expires. So each hash
// is for the marks of one period, and it lives until its last mark need not be kept any
// longer. A look-up reads all periods in which a mark may be.
type retention struct {
	name     string
	together uint64        // how many buckets share a hash
	period   time.Duration // never changes: the keys carry the period's number
	kept     time.Duration // how long a mark is kept at least; it is kept at most a period longer
}

// clockSkew is how far ahead the clocks of other instances may be.
const clockSkew = time.Minute

func (r retention) periodAt(t time.Time) int64 { return t.UnixNano() / int64(r.period) }

// before returns how many periods before the present one may have marks that count.
func (r retention) before() int64 { return int64((r.kept + r.period - 1) / r.period) }

// timeToLive returns how many seconds a hash that is written now must still
// live.
func (r retention) timeToLive(now time.Time) int64 {
	end := time.Unix(0, (r.periodAt(now)+1)*int64(r.period)).Add(r.kept)
	return int64(end.Sub(now)/time.Second) + 1
}

// A layout is where the marks lie.
type layout struct {
	prefix    string    // of all keys
	delivered retention // of deliveries that were never handed on
	handedOn  retention // of the others
	shards    int       // how many parts of Redis can fail by themselves: all shards in a Cluster, otherwise 1
}

// A location is where the mark of one delivery lies.
type location struct {
	bucket uint64
	field  uint64 // the first half of the delivery id: 64 bits, unique among the few of a bucket
	shard  int    // follows from bucket
}

func (a location) compare(b location) int {
	return cmp.Or(cmp.Compare(a.shard, b.shard), cmp.Compare(a.bucket, b.bucket))
}

func (a location) sameShard(b location) bool  { return a.shard == b.shard }
func (a location) sameBucket(b location) bool { return a.bucket == b.bucket }

func (l layout) locate(leadID, delivery string) location {
	at := location{bucket: bucketOf(leadID), field: fieldOf(delivery)}
	at.shard = shardOf(at.bucket) % l.shards
	return at
}

func bucketOf(leadID string) uint64 {
	if len(leadID) <= countedDigits {
		if n, err := strconv.ParseUint(leadID, 10, 64); err == nil {
			return n / leadsPerBucket
		}
	}
	return hashedBit | hash(leadID)%hashedBuckets
}

func shardOf(bucket uint64) int { return int(bucket / togetherHandedOn % shards) }

// fieldOf returns 64 bits of the 128 that a delivery id is made of.
func fieldOf(delivery string) uint64 {
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

func appendField(b []byte, at location) []byte { return binary.BigEndian.AppendUint64(b, at.field) }

// keysToRead returns the keys of all hashes that may hold a bucket's marks, with the
// most probable ones last.
func (l layout) keysToRead(bucket uint64, now time.Time) []any {
	keys := l.appendKeys(nil, l.handedOn, bucket, now, now.Add(clockSkew))
	return l.appendKeys(keys, l.delivered, bucket, now, now.Add(clockSkew))
}

// keysToWrite returns the keys of the delivered, of which there is one for each period,
// and then those of the handed on. The last of each is the one to write to.
func (l layout) keysToWrite(bucket uint64, now time.Time) []any {
	keys := l.appendKeys(nil, l.delivered, bucket, now, now)
	return l.appendKeys(keys, l.handedOn, bucket, now, now)
}

// appendKeys appends the keys of a bucket for the periods of r from now-kept to last.
func (l layout) appendKeys(keys []any, r retention, bucket uint64, now, last time.Time) []any {
	return l.appendPeriods(keys, r.name, bucket&^hashedBit/r.together, bucket, r.periodAt(now)-r.before(), r.periodAt(last))
}

// appendPeriods appends the keys of a bucket for some periods, with a name, and with the
// number of the hash in which the bucket lies together with others. They are pointers: a
// string in an interface would be another allocation for each.
func (l layout) appendPeriods(keys []any, name string, together, bucket uint64, first, last int64) []any {
	var room [160]byte // for the longest prefix that the settings allow
	b := append(append(room[:0], l.prefix...), ":{"...)
	b = strconv.AppendInt(b, int64(shardOf(bucket)), 10)
	b = append(append(b, "}:"...), name...)
	b = append(b, ':')
	if bucket&hashedBit != 0 {
		b = append(b, 'h')
	}
	b = strconv.AppendUint(b, together, 10)
	b = append(b, ':')
	texts := make([]string, last-first+1)
	keys = slices.Grow(keys, len(texts))
	for i := range texts {
		texts[i] = string(strconv.AppendInt(b, first+int64(i), 10))
		keys = append(keys, &texts[i])
	}
	return keys
}

// A keyCache remembers the keys of the buckets that were in use lately: the leads of one
// bucket come at about the same time, but in many batches. Only one goroutine at a time
// may use it.
type keyCache struct {
	layout layout
	list   func(l layout, bucket uint64, now time.Time) []any // keysToRead or keysToWrite

	periods [4]int64 // for which the keys were made: some follow from now, and some from a little later
	keys    map[uint64][]any
}

const mostKeys = 512 // buckets, some hundred bytes each

func (c *keyCache) of(bucket uint64, now time.Time) []any {
	soon := now.Add(clockSkew)
	periods := [...]int64{
		c.layout.delivered.periodAt(now), c.layout.delivered.periodAt(soon),
		c.layout.handedOn.periodAt(now), c.layout.handedOn.periodAt(soon),
	}
	keys, known := c.keys[bucket]
	if known && c.periods == periods {
		return keys
	}
	if c.periods != periods || len(c.keys) >= mostKeys {
		c.periods, c.keys = periods, make(map[uint64][]any)
	}
	keys = c.list(c.layout, bucket, now)
	c.keys[bucket] = keys
	return keys
}
