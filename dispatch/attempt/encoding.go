package attempt

import (
	"bytes"
	"strings"
)

// encodingOf returns how a body is packed. Whether that is gzip is seen in its first bytes (RFC
// 1952 §2.3.1): some CRMs do not say it of a body that is, others say it of one that is not.
func encodingOf(body []byte, said string) string {
	switch {
	case bytes.HasPrefix(body, []byte("\x1f\x8b\x08")):
		return "gzip"
	case strings.EqualFold(said, "gzip"), strings.EqualFold(said, "x-gzip"):
		return ""
	}
	return said
}
