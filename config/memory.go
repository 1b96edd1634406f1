package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// What each of them may take. No other place knows it.
const (
	attemptBytes   = 32 * kib // an attempt that waits for its answer, TLS included
	openEventBytes = 6 * kib  // an open event beside its own bytes: a goroutine, the fields that were read
	markBytes      = 200      // a mark that the ledger has not written yet
)

// How memory is divided: one byte in so many.
const (
	attemptsShare  = 4 // is for attempts
	openBytesShare = 8 // is for the bytes of open events
	spareShare     = 4 // is promised by no setting: fetches, garbage, the program itself
	uncountedShare = 8 // is not for Go's heap and stacks
)

// openPerAttempt is how many events may be open for each attempt: most wait for a turn.
const openPerAttempt = 4

const (
	leastMemory, mostMemory = 64 * mib, 64 << 30
	mostInFlight            = 100_000
)

func attemptsIn(memory int) int { return min(memory/attemptsShare/attemptBytes, mostInFlight) }

func openEventsIn(memory int) int { return openPerAttempt * attemptsIn(memory) }

// unpackedFor returns the size of the largest record that is unpacked, for events of at
// most so many bytes: larger ones are dead letters with their bytes, if they are not far
// larger.
func unpackedFor(event int) int { return max(4*event, mib) }

func openBytesIn(memory int) int { return memory / openBytesShare }

// HeapLimit returns how many bytes of Memory are for Go's heap and stacks. The rest
// is for what the runtime does not count, while a container does: the program
// itself, and what the kernel holds for connections.
func (c *Config) HeapLimit() int64 { return int64(c.Memory - c.Memory/uncountedShare) }

// auto is written for a value that follows from another setting.
const auto = "auto"

// fromMemory returns v, but with auto for what amount makes of the memory, which
// must be set before.
func fromMemory(memory *int, amount func(memory int) int, v value) value {
	return from("memory", memory, amount, v)
}

// from returns v, but with auto for what amount makes of the number of another setting,
// which must be set before.
func from(key string, number *int, amount func(number int) int, v value) value {
	set := v.set
	v.follows = key
	v.kind = auto + ", or " + v.kind
	v.set = func(s string) (string, error) {
		if s == auto {
			s = strconv.Itoa(amount(*number))
		}
		return set(s)
	}
	return v
}

// memoryRule returns the rule that memory has room for what the settings allow.
func memoryRule(c *Config) rule {
	parts := []struct {
		key   string
		bytes float64 // an int has no room for some products
	}{
		{"http.max_in_flight", float64(c.HTTP.MaxInFlight) * attemptBytes},
		{"consumer.open_events", float64(c.Consumer.OpenEvents) * openEventBytes},
		{"consumer.open_bytes", float64(c.Consumer.OpenBytes)},
		{"redis.cache_bytes", float64(c.Redis.CacheBytes)},
		{"redis.ledger_pending", float64(c.Redis.LedgerPending) * markBytes},
	}
	keys := []string{"memory"}
	var sum float64
	var shown []string
	for _, p := range parts {
		keys = append(keys, p.key)
		sum += p.bytes
		shown = append(shown, p.key+" "+showMiB(p.bytes))
	}
	room := float64(c.Memory - c.Memory/spareShare)
	return rule{keys, unless(sum <= room, fmt.Sprintf(
		"%s is too little: %s of it are for what other settings allow, and that is %s (%s); raise it, or lower those",
		showSize(c.Memory), showMiB(room), showMiB(sum), strings.Join(shown, ", ")))}
}

func showMiB(bytes float64) string { return fmt.Sprintf("%.0fMiB", math.Ceil(bytes/mib)) }
