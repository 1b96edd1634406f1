package scrub

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/leadhook/leadhook/lead"
)

// MaxKept is how many bytes are kept of an answer.
const MaxKept = 1 << 10

// MaxRead is how many bytes of a text are looked at. What follows is never kept.
const MaxRead = 8 << 10

// maxRounds is how many times a text may be escaped. Each round costs about as much as the
// first one, and is only made if there was something to decode.
const maxRounds = 5

// A Scrubber scrubs what was said about one lead of one webhook.
type Scrubber struct{ known needles }

// New returns a Scrubber for a lead, in JSON as it was published, and the webhook that it
// is for. Its cost grows with the size of the lead.
func New(leadObject []byte, hook *lead.Webhook) *Scrubber {
	s := &Scrubber{known: needles{names: set{}, phones: set{}, letters: texts{short: set{}}, marks: texts{short: set{}}}}
	s.known.addLead(leadObject)
	s.known.addSecrets(hook)
	return s
}

// Excerpt returns the beginning of an answer's body, at most [MaxKept] bytes, on one line:
// valid UTF-8 without control characters. whole reports whether all of the body is there:
// if not, the end is left out, since it may be the beginning of something that would be
// recognised by its end.
func (s *Scrubber) Excerpt(body []byte, whole bool) string {
	return s.scrub(body, whole, MaxKept, false)
}

// Text is [Scrubber.Excerpt] for a text that is all there, of at most limit bytes.
func (s *Scrubber) Text(said string, limit int) string {
	return s.scrub([]byte(said), true, limit, false)
}

// Record is [Scrubber.Text] for the id of a record: digits alone are no phone number there,
// unless it is the lead's.
func (s *Scrubber) Record(id string, limit int) string {
	return s.scrub([]byte(id), true, limit, true)
}

func (s *Scrubber) scrub(said []byte, whole bool, limit int, isID bool) string {
	if len(said) > MaxRead {
		said, whole = said[:MaxRead], false
	}
	hidden := make([]bool, len(said))
	text := plain(said)
	unescaping(text, func(f *forms) {
		s.known.hide(f, hidden)
		hideAddresses(f, hidden)
		hidePhones(f, hidden, s.known.phones, isID)
	})
	for _, undo := range undone {
		if text, changed := undo(&text); changed {
			unescaping(text, func(f *forms) { s.known.hide(f, hidden) })
		}
	}
	shown := said
	if !whole {
		shown = said[:len(said)-unsure(said)]
	}
	return masked(shown, hidden, limit)
}

// unescaping calls hide with a text as it is, and without each layer of escapes. Only what has
// none is unpacked: they may stand within what is packed.
func unescaping(text mapped, hide func(*forms)) {
	for range maxRounds {
		hide(formsOf(&text))
		var changed bool
		if text, changed = decode(&text); changed {
			continue
		}
		if text, changed = unpack(&text); !changed {
			return
		}
	}
}

// unsure returns how many bytes at the end of a text that was cut short may be the beginning
// of what would be hidden: an escape takes up to a dozen bytes for one character.
func unsure(said []byte) int {
	const usual, escaped = 64, 384
	if end := said[max(0, len(said)-escaped):]; bytes.ContainsAny(end, `%\&`) {
		return len(end)
	}
	return min(usual, len(said))
}

// masked returns a text of at most limit bytes with [lead.Masked] for each part that is
// hidden, and a blank for what cannot be shown.
func masked(said []byte, hidden []bool, limit int) string {
	out := make([]byte, 0, min(limit, len(said)+len(lead.Masked)))
	for i := 0; i < len(said); {
		next := lead.Masked
		size := 1
		if hidden[i] {
			for i+size < len(said) && hidden[i+size] {
				size++
			}
		} else {
			var r rune
			r, size = utf8.DecodeRune(said[i:])
			next = shown(r, size)
		}
		i += size
		if next == " " && (len(out) == 0 || out[len(out)-1] == ' ') {
			continue
		}
		if len(out)+len(next) > limit {
			break
		}
		out = append(out, next...)
	}
	return string(bytes.TrimRight(out, " "))
}

// shown returns how a rune is kept.
func shown(r rune, size int) string {
	if r == utf8.RuneError && size <= 1 || !unicode.IsPrint(r) {
		return " "
	}
	return string(r)
}
