package shares

import (
	"strconv"
	"strings"
)

// Count is how many shares the keys of the topic are divided into, for ever.
const Count = 64

// Of returns the share of a key of the topic: FNV-1a of 32 bits modulo [Count]. It is
// written out because it is asked for every cold look-up, and hash/fnv allocates.
func Of(key string) int {
	const offset, prime = 2166136261, 16777619
	h := uint32(offset)
	for i := range len(key) {
		h = (h ^ uint32(key[i])) * prime
	}
	return int(h % Count)
}

// The keys in Redis. Those of a share carry its number as a hash tag (Redis Cluster
// specification, "Hash tags"), so that one script may use them.
func (s *Shares) recordsKey(share int, epoch string) string {
	return s.key(share, recordsKind+epoch)
}
func (s *Shares) failingKey(share int) string { return s.key(share, "failing") }
func (s *Shares) leaseKey(share int) string   { return s.key(share, "lease") }
func (s *Shares) hintKey() string             { return s.prefix + ":epoch" }

// recordsKind differs from the "webhooks:" of the layout before the topic, whose keys
// ended with an advertiser: that could be taken for an epoch.
const recordsKind = "records:"

func (s *Shares) key(share int, rest string) string {
	return s.prefix + ":{" + strconv.Itoa(share) + "}:" + rest
}

// epochOf returns the epoch in the key of a share's hash; ok is false for other keys.
func (s *Shares) epochOf(key string) (epoch string, ok bool) {
	rest, ok := strings.CutPrefix(key, s.prefix+":{")
	if !ok {
		return "", false
	}
	number, epoch, ok := strings.Cut(rest, "}:"+recordsKind)
	share, err := strconv.Atoi(number)
	ok = ok && err == nil && 0 <= share && share < Count && key == s.recordsKey(share, epoch)
	return epoch, ok && isID(epoch)
}

// recordsPattern is the pattern of SCAN for the hashes of all shares and epochs.
func (s *Shares) recordsPattern() string {
	return globEscape.Replace(s.prefix) + ":{*}:" + recordsKind + "*"
}

// The fields of a share's hash. A record's field is recordMark and its key; that of a
// mark, whose value is the offset of the refused record, is refusedMark and its key.
const (
	appliedField = "applied" // the place
	marksField   = "marks"   // how many marks there are
	recordMark   = "="
	refusedMark  = "!"
)
