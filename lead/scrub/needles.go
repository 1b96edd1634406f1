package scrub

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	shortestName = 3  // characters
	shortestText = 6  // characters
	fewestMarks  = 4  // characters: what is shorter occurs in any text
	window       = 12 // bytes of letters and digits: so much of a text is hidden wherever it stands
	phoneEnd     = 7  // digits: a CRM may leave out or add what is before them
)

// Needles are what is looked for.
type needles struct {
	names  map[string]bool // as words
	texts  [][]byte        // as letters
	odd    [][]byte        // as marks: secrets, and texts with few letters
	phones map[string]bool // the last digits of phone numbers
}

// variants calls add with the forms of a text, as it is and without escapes and tags: a
// lead may have HTML.
func variants(text string, add func(*forms)) {
	m := plain([]byte(text))
	add(formsOf(&m))
	changed := true
	escaped := false
	for n := 0; changed && n < maxRounds; n++ {
		m, changed = decode(&m)
		escaped = escaped || changed
	}
	if escaped {
		add(formsOf(&m))
	}
	if bytes.IndexByte(m.bytes, '<') < 0 {
		return
	}
	pieces := withoutTags(m.bytes)
	for _, piece := range append(pieces, bytes.Join(pieces, []byte(" "))) {
		p := plain(piece)
		add(formsOf(&p))
	}
}

// withoutTags returns what is between the tags.
func withoutTags(b []byte) (pieces [][]byte) {
	for len(b) > 0 {
		text, rest, _ := bytes.Cut(b, []byte("<"))
		if len(bytes.TrimSpace(text)) > 0 {
			pieces = append(pieces, text)
		}
		_, b, _ = bytes.Cut(rest, []byte(">"))
	}
	return pieces
}

// addName adds a name, and each word of it: a CRM may change their order.
func (n *needles) addName(name string) {
	variants(name, func(f *forms) {
		words := bytes.TrimSpace(f.words.bytes)
		for _, word := range append(bytes.Fields(words), words) {
			if utf8.RuneCount(word) >= shortestName {
				n.names[string(word)] = true
			}
		}
	})
	n.addText(name)
}

// addText adds a text: by its letters, or if it has few by all that is in it.
func (n *needles) addText(text string) {
	if utf8.RuneCountInString(strings.TrimSpace(text)) < shortestText {
		return
	}
	variants(text, func(f *forms) {
		if !n.addLetters(f) {
			n.addMarks(f)
		}
	})
}

// addSecret adds a secret: by all that is in it, and by its letters.
func (n *needles) addSecret(secret string) {
	variants(secret, func(f *forms) {
		n.addLetters(f)
		n.addMarks(f)
	})
}

func (n *needles) addLetters(f *forms) bool {
	enough := utf8.RuneCount(f.letters.bytes) >= shortestText
	if enough {
		n.texts = append(n.texts, f.letters.bytes)
	}
	return enough
}

func (n *needles) addMarks(f *forms) {
	if utf8.RuneCount(f.marks.bytes) >= fewestMarks {
		n.odd = append(n.odd, f.marks.bytes)
	}
}

// addPhone adds a phone number, without an extension.
func (n *needles) addPhone(text string) {
	var digits []byte
	for i := range len(text) {
		switch c := text[i]; {
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
		n.phones[string(digits[max(0, len(digits)-phoneEnd):])] = true
	}
}

// prepare removes what is there twice.
func (n *needles) prepare() {
	for _, list := range []*[][]byte{&n.texts, &n.odd} {
		slices.SortFunc(*list, bytes.Compare)
		*list = slices.CompactFunc(*list, bytes.Equal)
	}
}

// hide hides the needles in a text, except phone numbers.
func (n *needles) hide(f *forms, hidden []bool) {
	f.words.hideWords(n.names, hidden)
	f.joined.hideWords(n.names, hidden)
	for _, text := range n.odd {
		f.marks.hideAll(text, hidden)
	}
	var grams *grams
	for _, text := range n.texts {
		if len(text) < window {
			f.letters.hideAll(text, hidden)
			continue
		}
		if grams == nil {
			grams = gramsOf(&f.letters)
		}
		grams.hide(text, hidden)
	}
}

// hideAll hides a text wherever it stands.
func (m *mapped) hideAll(text []byte, hidden []bool) {
	for at := 0; ; at++ {
		i := bytes.Index(m.bytes[at:], text)
		if i < 0 {
			return
		}
		at += i
		m.hide(at, at+len(text), hidden)
	}
}

// mostParts is of how many parts a name may consist, words and what is left of one on a line.
// Names with six letters or more are found by their letters too.
const mostParts = 5

// hideWords hides the names that are whole words, or several. The work does not grow with
// the number of names: a lead may have very many.
func (m *mapped) hideWords(names map[string]bool, hidden []bool) {
	begins := m.wordBegins()
	for i, begin := range begins[:len(begins)-1] {
		for _, next := range begins[i+1 : min(len(begins), i+1+mostParts)] {
			end := next
			if m.bytes[end-1] == ' ' {
				end--
			}
			if begin < end && names[string(m.bytes[begin:end])] {
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
	of     *mapped
	places map[string][]int
}

func gramsOf(m *mapped) *grams {
	g := &grams{of: m, places: make(map[string][]int, max(0, len(m.bytes)-window+1))}
	for i := 0; i+window <= len(m.bytes); i++ {
		part := string(m.bytes[i : i+window])
		g.places[part] = append(g.places[part], i)
	}
	return g
}

// hide hides what a needle and the text have in common. A place is hidden once: then it is
// forgotten.
func (g *grams) hide(needle []byte, hidden []bool) {
	for i := 0; i+window <= len(needle) && len(g.places) > 0; i++ {
		part := needle[i : i+window]
		places, found := g.places[string(part)]
		if !found {
			continue
		}
		for _, at := range places {
			g.of.hide(at, at+window, hidden)
		}
		delete(g.places, string(part))
	}
}
