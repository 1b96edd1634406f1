package scrub

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Forms are a text in the forms in which something is looked for. All are without regard to
// case, accents, and characters that cannot be seen.
type forms struct {
	words   mapped // letters and digits, with one blank for whatever is between them
	joined  mapped // likewise, but a line break with the blanks after it is nothing. Empty if there is none
	letters mapped // letters and digits alone
	marks   mapped // everything but blanks, and the plus that may stand for one
	line    mapped // everything, with one blank for those in a row, and - for each that is one
	broken  bool   // since a line break there were only blanks
}

// formsOf returns the forms of a text.
func formsOf(m *mapped) *forms {
	f := &forms{words: m.room(), joined: m.room(), letters: m.room(), marks: m.room(), line: m.room()}
	breaks := false
	for i := 0; i < len(m.bytes); {
		r, size := runeOf(m.bytes[i:])
		of := m.part(i, i+size)
		i += size
		breaks = breaks || r == '\n' || r == '\r'
		fold(r, func(r rune) { f.add(r, of) })
	}
	if !breaks {
		f.joined = mapped{}
	}
	return f
}

// runeOf returns the rune at the beginning of a text: in Latin-1 if it is not UTF-8.
func runeOf(text []byte) (r rune, size int) {
	r, size = utf8.DecodeRune(text)
	if r == utf8.RuneError && size <= 1 {
		r = rune(text[0])
	}
	return r, size
}

// A kind of runes.
type kind uint8

const (
	letter kind = iota // or a digit
	blank              // or the plus that may stand for one
	mark               // everything else
)

func kindOf(r rune) kind {
	switch {
	case unicode.IsLetter(r), unicode.IsNumber(r):
		return letter
	case unicode.IsSpace(r), r == '+':
		return blank
	}
	return mark
}

// A form is one of the [forms].
type form uint8

const (
	inWords form = iota
	inLetters
	inMarks
)

// appendForm appends a text in one of the forms to another one.
func appendForm(out, text []byte, as form) []byte {
	for i := 0; i < len(text); {
		r, size := runeOf(text[i:])
		i += size
		fold(r, func(r rune) {
			switch kind := kindOf(r); {
			case kind == letter, kind == mark && as == inMarks:
				out = utf8.AppendRune(out, r)
			case as == inWords && len(out) > 0 && out[len(out)-1] != ' ':
				out = append(out, ' ')
			}
		})
	}
	return out
}

// add adds a folded rune.
func (f *forms) add(r rune, of span) {
	f.addToLine(r, of)
	kind := kindOf(r)
	f.broken = r == '\n' || r == '\r' || f.broken && kind == blank
	switch {
	case kind == letter:
		for _, m := range []*mapped{&f.words, &f.joined, &f.letters, &f.marks} {
			m.addRune(r, of)
		}
		return
	case f.broken:
		f.joined.addJoint()
	default:
		f.joined.addBlank(of)
	}
	f.words.addBlank(of)
	if kind == mark {
		f.marks.addRune(r, of)
	}
}

func (f *forms) addToLine(r rune, of span) {
	if r = onLine(r); r == ' ' {
		f.line.addBlank(of)
		return
	}
	f.line.addRune(r, of)
}

func onLine(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.Is(unicode.Pd, r), r == '\u2212': // a minus
		return '-'
	}
	return r
}

func (m *mapped) addRune(r rune, of span) {
	if r < utf8.RuneSelf {
		m.add(byte(r), of)
		return
	}
	m.bytes = utf8.AppendRune(m.bytes, r)
	for len(m.spans) < len(m.bytes) {
		m.spans = append(m.spans, of)
	}
}

// addJoint notes that something is left out here.
func (m *mapped) addJoint() {
	if n := len(m.joints); n == 0 || m.joints[n-1] < len(m.bytes) {
		m.joints = append(m.joints, len(m.bytes))
	}
}

// addBlank adds a blank, unless there is one.
func (m *mapped) addBlank(of span) {
	if n := len(m.bytes); n > 0 && m.bytes[n-1] != ' ' {
		m.add(' ', of)
	}
}

// fold calls add with what all spellings of a rune have in common: its letters in one case,
// without accents. It does not for what cannot be seen.
func fold(r rune, add func(rune)) {
	if r < utf8.RuneSelf {
		if !unicode.IsControl(r) || unicode.IsSpace(r) {
			add(oneCase(r))
		}
		return
	}
	for _, part := range string(norm.NFKD.AppendString(nil, string(r))) {
		switch {
		case unicode.In(part, unicode.Mn, unicode.Me, unicode.Cf), unicode.IsControl(part) && !unicode.IsSpace(part):
		case unicode.IsDigit(part):
			add(digitOf(part))
		case part == 'ß' || part == 'ẞ':
			add('s')
			add('s')
		case part == 'ı': // whose capital is I
			add('i')
		default:
			add(oneCase(part))
		}
	}
}

// digitOf returns a decimal digit of any script in ASCII. In Unicode each script has its ten
// digits in a row.
func digitOf(r rune) rune {
	for _, digits := range unicode.Nd.R16 {
		if rune(digits.Lo) <= r && r <= rune(digits.Hi) {
			return '0' + (r-rune(digits.Lo))%10
		}
	}
	for _, digits := range unicode.Nd.R32 {
		if rune(digits.Lo) <= r && r <= rune(digits.Hi) {
			return '0' + (r-rune(digits.Lo))%10
		}
	}
	return r
}

// oneCase returns the first of the runes that differ from r only in their case, as a small
// letter if it is in ASCII.
func oneCase(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	first := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		first = min(first, next)
	}
	if first < utf8.RuneSelf {
		return oneCase(first)
	}
	return first
}
