package attempt

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
)

// The encodings that are unpacked.
const gzipped, deflated = "gzip", "deflate"

// encodingOf returns how a body is packed whose beginning is here, in lower case, or "" if it
// is not. Whether that is gzip is seen in its first bytes (RFC 1952 §2.3.1): some CRMs do not
// say it of a body that is, others say it of one that is not, or say utf-8.
func encodingOf(body []byte, said string) string {
	said = strings.ToLower(said)
	switch {
	case bytes.HasPrefix(body, []byte("\x1f\x8b\x08")):
		return gzipped
	case said == "", said == gzipped, said == "x-gzip", isText(body):
		return ""
	}
	return said
}

// isText reports whether a body is in UTF-8, maybe without its end.
func isText(body []byte) bool {
	for n := 1; n < utf8.UTFMax && n <= len(body); n++ {
		if last := body[len(body)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				body = body[:len(body)-n]
			}
			break
		}
	}
	return utf8.Valid(body) && !bytes.ContainsFunc(body, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) })
}

// unread returns words for the encoding of a body that is not read because of it, or "". What
// the CRM says is not quoted: it may say anything.
func unread(a *http1.Answer) string {
	switch encoding := encodingOf(a.Body, a.Encoding); encoding {
	case "", gzipped, deflated:
		return ""
	case "br", "zstd", "compress":
		return encoding
	}
	return "an unknown encoding"
}
