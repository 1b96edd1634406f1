package jsonscan

import (
	"math/bits"
	"strconv"
)

// MaxPaths is how many paths [Paths.Find] can look for at the same time.
const MaxPaths = 64

// Paths are places in a JSON text: names of members, or indexes of elements in
// decimal digits, outermost first. There are at most [MaxPaths], each of at least one
// step.
type Paths [][]string

// Find reads b, which must be JSON, sets for each path the value that is there, and
// reports whether b is valid. If it is not, the values must not be used. A value that
// is not there stays as it was; of two members with the same name the first counts. The
// text is read once, and no more than once.
func (p Paths) Find(b []byte, values [][]byte) bool {
	all := ^uint64(0) >> (MaxPaths - len(p))
	f := finder{paths: p, text: b, values: values}
	return f.value(skipTo(b, 0), all, 0) == len(b)
}

type finder struct {
	paths  Paths
	text   []byte
	values [][]byte
}

// value reads the value at i, which the paths in active lead through at a depth, and
// returns the index behind it and the blanks that follow it; -1 if it is not valid.
func (f *finder) value(i int, active uint64, depth int) int {
	switch c := at(f.text, i); {
	case active == 0 || c != '{' && c != '[':
		return valueEnd(f.text, i, depth)
	case c == '{':
		return f.object(i, active, depth)
	}
	return f.list(i, active, depth)
}

func (f *finder) object(i int, active uint64, depth int) int {
	if i = skipTo(f.text, i+1); at(f.text, i) == '}' {
		return skipTo(f.text, i+1)
	}
	for {
		raw, begins := name(f.text, i)
		if begins < 0 {
			return -1
		}
		through := f.named(raw, active, depth)
		active &^= through
		if i = f.member(begins, through, depth); i < 0 {
			return -1
		}
		var over bool
		if i, over = following(f.text, i, '}'); over {
			return i
		}
	}
}

func (f *finder) list(i int, active uint64, depth int) int {
	if i = skipTo(f.text, i+1); at(f.text, i) == ']' {
		return skipTo(f.text, i+1)
	}
	for index := 0; ; index++ {
		through := uint64(0)
		if active != 0 {
			through = f.indexed(index, active, depth)
			active &^= through
		}
		if i = f.member(i, through, depth); i < 0 {
			return -1
		}
		var over bool
		if i, over = following(f.text, i, ']'); over {
			return i
		}
	}
}

// member reads the value of a member or an element. It is where some of the paths in
// through end, and the others lead on.
func (f *finder) member(begins int, through uint64, depth int) int {
	ends, further := f.ending(through, depth+1)
	end := f.value(begins, further, depth+1)
	if end < 0 {
		return -1
	}
	for ; ends != 0; ends &= ends - 1 {
		f.values[bits.TrailingZeros64(ends)] = trimmed(f.text[begins:end])
	}
	return end
}

// named returns which of the paths have the name, in quotes and with its escapes, at a
// depth.
func (f *finder) named(raw []byte, active uint64, depth int) (through uint64) {
	for ; active != 0; active &= active - 1 {
		n := bits.TrailingZeros64(active)
		if step := f.paths[n][depth]; len(raw) >= len(step)+len(`""`) && string(unquote(raw)) == step {
			through |= 1 << n
		}
	}
	return through
}

func (f *finder) indexed(index int, active uint64, depth int) (through uint64) {
	var room [20]byte
	digits := strconv.AppendInt(room[:0], int64(index), 10)
	for ; active != 0; active &= active - 1 {
		if n := bits.TrailingZeros64(active); f.paths[n][depth] == string(digits) {
			through |= 1 << n
		}
	}
	return through
}

// ending divides paths into those that have so many steps, and those that have more.
func (f *finder) ending(through uint64, steps int) (ends, further uint64) {
	for left := through; left != 0; left &= left - 1 {
		if n := bits.TrailingZeros64(left); len(f.paths[n]) == steps {
			ends |= 1 << n
		}
	}
	return ends, through &^ ends
}

// trimmed returns a value without the blanks behind it.
func trimmed(value []byte) []byte {
	for isBlank(value[len(value)-1]) {
		value = value[:len(value)-1]
	}
	return value
}
