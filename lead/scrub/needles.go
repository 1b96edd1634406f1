package scrub

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"iter"
	"unicode/utf8"
)

const (
	shortestName = 3  // characters
	shortestText = 6  // characters
	fewestMarks  = 4  // characters: what is shorter occurs in any text
	shortestKey  = 8  // characters: a secret that is shorter may also be part of a word
	window       = 12 // bytes of letters and digits: so much of a text is hidden wherever it stands
	phoneEnd     = 7  // digits: a CRM may leave out or add what is before them
)

// Needles are what is looked for. Most are only there as hashes: a lead may have very many.
type needles struct {
	names   set   // as words
	letters texts // as letters
	marks   texts // as marks: secrets, and texts with few letters
	phones  set   // the last digits of phone numbers
	form    []byte
}

// A set has texts, by their hashes.
type set map[uint64]struct{}

var seed = maphash.MakeSeed()

func (s set) add(text []byte) { s[maphash.Bytes(seed, text)] = struct{}{} }

func (s set) has(text []byte) bool {
	_, ok := s[maphash.Bytes(seed, text)]
	return ok
}

// Texts are looked for wherever they stand: what is shorter than the window as a whole, of
// the others every part that is as long.
type texts struct {
	short set
	sizes [window]bool // of what is in short
	long  [][]byte
}

func (t *texts) add(text []byte) {
	if len(text) >= window {
		t.long = append(t.long, bytes.Clone(text))
		return
	}
	t.short.add(text)
	t.sizes[len(text)] = true
}

// variants calls add with a text as it is and without escapes and tags: a lead may have HTML.
func variants(text []byte, add func([]byte)) {
	add(text)
	decoded, changed := unescaped(text)
	if changed {
		for n := 1; changed && n < maxRounds; n++ {
			decoded, changed = unescaped(decoded)
		}
		add(decoded)
	}
	if bytes.IndexByte(decoded, '<') < 0 {
		return
	}
	var joined []byte
	for piece := range withoutTags(decoded) {
		add(piece)
		joined = append(append(joined, ' '), piece...)
	}
	add(joined)
}

// withoutTags yields what is between the tags.
func withoutTags(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			text, rest, _ := bytes.Cut(b, []byte("<"))
			if len(bytes.TrimSpace(text)) > 0 && !yield(text) {
				return
			}
			_, b, _ = bytes.Cut(rest, []byte(">"))
		}
	}
}

// addName adds a name, and each word of it: a CRM may change their order.
func (n *needles) addName(name []byte) {
	variants(name, func(text []byte) {
		n.form = appendForm(n.form[:0], text, inWords)
		words := bytes.TrimSpace(n.form)
		n.addWord(words)
		for word := range bytes.FieldsSeq(words) {
			n.addWord(word)
		}
	})
	n.addText(name)
}

func (n *needles) addWord(word []byte) {
	if utf8.RuneCount(word) >= shortestName {
		n.names.add(word)
	}
}

// addText adds a text: by its letters, or if it has few by all that is in it.
func (n *needles) addText(text []byte) {
	if utf8.RuneCount(bytes.TrimSpace(text)) < shortestText {
		return
	}
	variants(text, func(text []byte) {
		if !n.addLetters(text) {
			n.addMarks(text)
		}
	})
}

// addSecret adds a secret: by all that is in it and, if they are many, by its letters. Few
// letters alone are looked for as a word.
func (n *needles) addSecret(secret string) {
	variants([]byte(secret), func(text []byte) {
		n.form = appendForm(n.form[:0], text, inLetters)
		switch letters := utf8.RuneCount(n.form); {
		case letters >= window:
			n.letters.add(n.form)
		case letters >= fewestMarks && letters < shortestKey && letters == utf8.RuneCount(text):
			n.names.add(n.form)
			return
		}
		n.addMarks(text)
	})
}

func (n *needles) addLetters(text []byte) bool {
	n.form = appendForm(n.form[:0], text, inLetters)
	enough := utf8.RuneCount(n.form) >= shortestText
	if enough {
		n.letters.add(n.form)
	}
	return enough
}

func (n *needles) addMarks(text []byte) {
	if n.form = appendForm(n.form[:0], text, inMarks); utf8.RuneCount(n.form) >= fewestMarks {
		n.marks.add(n.form)
	}
}

// addPhone adds a phone number, without an extension, and without the fraction that it has
// where it was a number once.
func (n *needles) addPhone(text []byte) {
	if whole, fraction, _ := bytes.Cut(text, []byte(".")); len(bytes.Trim(fraction, "0")) == 0 {
		text = whole
	}
	var digits []byte
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9':
			digits = append(digits, c)
		case 'a' <= c|0x20 && c|0x20 <= 'z': // of an extension, maybe
			n.addDigits(digits)
			digits = nil
		}
	}
	n.addDigits(digits)
}

func (n *needles) addDigits(digits []byte) {
	if len(digits) >= shortestText {
		end := digits[max(0, len(digits)-phoneEnd):]
		n.phones.add(end)
		n.letters.add(end)
	}
}

// hide hides the needles in a text, except phone numbers.
func (n *needles) hide(f *forms, hidden []bool) {
	f.words.hideWords(n.names, hidden)
	f.joined.hideWords(n.names, hidden)
	n.marks.hide(&f.marks, hidden)
	n.letters.hide(&f.letters, hidden)
}

// hide hides the texts wherever they stand.
func (t *texts) hide(m *mapped, hidden []bool) {
	for size, used := range t.sizes {
		for at := 0; used && at+size <= len(m.bytes); at++ {
			if t.short.has(m.bytes[at : at+size]) {
				m.hide(at, at+size, hidden)
			}
		}
	}
	if len(t.long) == 0 || len(m.bytes) < window {
		return
	}
	g := gramsOf(m)
	for _, text := range t.long {
		g.hide(text, hidden)
	}
}

// mostParts is of how many parts a name may consist, words and what is left of one on a line.
// Names with six letters or more are found by their letters too.
const mostParts = 5

// hideWords hides the names that are whole words, or several. The work does not grow with
// the number of names: a lead may have very many.
func (m *mapped) hideWords(names set, hidden []bool) {
	begins := m.wordBegins()
	for i, begin := range begins[:len(begins)-1] {
		for _, next := range begins[i+1 : min(len(begins), i+1+mostParts)] {
			end := next
			if m.bytes[end-1] == ' ' {
				end--
			}
			if begin < end && names.has(m.bytes[begin:end]) {
				m.hide(begin, end, hidden)
			}
		}
	}
}

// wordBegins returns where words, and the parts of words on a line, begin, and the end.
func (m *mapped) wordBegins() []int {
	begins, joints := []int{0}, m.joints
	if len(joints) > 0 && joints[0] == 0 {
		joints = joints[1:]
	}
	for i := 1; i < len(m.bytes); i++ {
		joint := len(joints) > 0 && joints[0] == i
		if joint {
			joints = joints[1:]
		}
		if joint || m.bytes[i-1] == ' ' {
			begins = append(begins, i)
		}
	}
	if len(m.bytes) > 0 {
		begins = append(begins, len(m.bytes))
	}
	return begins
}

// Grams are all parts of a text that are as long as the window. Any part of a needle that is
// as long is found among them in one look-up, so that the work grows with the lead and with
// the text, and not with both.
type grams struct {
	of    *mapped
	maybe [1 << 15 / 64]uint64   // bits, by the beginning of a part: where it is not set no look-up is needed
	first map[[window]byte]int32 // where a part stands
	next  []int32                // where the part of the same index stands again; -1: nowhere
}

func gramsOf(m *mapped) *grams {
	places := len(m.bytes) - window + 1
	g := &grams{of: m, first: make(map[[window]byte]int32, places), next: make([]int32, places)}
	for i := range places {
		part := [window]byte(m.bytes[i:])
		next, again := g.first[part]
		if !again {
			next = -1
		}
		g.first[part], g.next[i] = int32(i), next
		word, bit := maybeAt(part[:])
		g.maybe[word] |= bit
	}
	return g
}

// maybeAt returns the bit of a part.
func maybeAt(part []byte) (word int, bit uint64) {
	hash := binary.LittleEndian.Uint64(part) * 0x9e3779b97f4a7c15 >> 49
	return int(hash / 64), 1 << (hash % 64)
}

// hide hides what a needle and the text have in common. A place is hidden once: then it is
// forgotten.
func (g *grams) hide(needle []byte, hidden []bool) {
	for i := 0; i+window <= len(needle) && len(g.first) > 0; i++ {
		part := needle[i : i+window]
		if word, bit := maybeAt(part); g.maybe[word]&bit == 0 {
			continue
		}
		at, found := g.first[[window]byte(part)]
		if !found {
			continue
		}
		for ; at >= 0; at = g.next[at] {
			g.of.hide(int(at), int(at)+window, hidden)
		}
		delete(g.first, [window]byte(part))
	}
}
