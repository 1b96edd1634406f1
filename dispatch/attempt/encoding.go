package attempt

import (
	"bytes"
	"strings"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
	"github.com/leadhook/leadhook/lead/scrub"
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
	case said == "", said == gzipped, said == "x-gzip", scrub.IsText(body):
		return ""
	}
	return said
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
