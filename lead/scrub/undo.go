package scrub

import "bytes"

// undone is what may also be done to what is sent back, even within an escape or a word. Each
// returns a text without it, and reports whether it was there.
var undone = []func(*mapped) (mapped, bool){unfold, unquote, untag}

// unfold leaves out line breaks and the blanks after them.
func unfold(m *mapped) (mapped, bool) {
	return m.replaced(func(b []byte) (string, int, bool) {
		if b[0] != '\r' && b[0] != '\n' {
			return "", 1, false
		}
		return "", len(b) - len(bytes.TrimLeft(b, "\r\n\t ")), true
	})
}

// unquote undoes quoted-printable (RFC 2045 §6.7), in which e-mail is sent.
func unquote(m *mapped) (mapped, bool) {
	return m.replaced(func(b []byte) (string, int, bool) {
		if b[0] != '=' {
			return "", 1, false
		}
		for _, softBreak := range []string{"=\r\n", "=\n"} {
			if bytes.HasPrefix(b, []byte(softBreak)) {
				return "", len(softBreak), true
			}
		}
		text, size := byteOf(b, 1)
		return text, max(size, 1), size > 0
	})
}

// untag leaves out the tags of HTML, such as those that mark what was found in a word.
func untag(m *mapped) (mapped, bool) {
	const longest = 256
	return m.replaced(func(b []byte) (string, int, bool) {
		if b[0] != '<' {
			return "", 1, false
		}
		end := bytes.IndexByte(b[:min(len(b), longest)], '>') + 1
		return "", max(end, 1), end > 0
	})
}
