package lead

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/leadhook/leadhook/lead/jsonscan"
)

// envelope says what an event that cannot be read is wrapped in or encoded as, if that is
// something that producers are known to do by mistake, and what to do about it. Otherwise
// it returns "". It is for values that were refused alone: reading one does not pay for it.
func envelope(value []byte, reason Reason) string {
	switch {
	case value == nil:
		return "the event is a tombstone: the record has no value at all"
	case isUTF16(value):
		return "the event is UTF-16: publish it as UTF-8"
	case hasMagicByte(value):
		return fmt.Sprintf("the event begins with Confluent's magic byte and the number of a schema (%d): "+
			"a serializer of the Schema Registry wrote it; publish plain JSON", binary.BigEndian.Uint32(value[1:]))
	case reason == NotJSON && isEncodedTwice(trim(value)):
		return "the event is JSON inside a JSON string: it was encoded twice; publish the object itself"
	case reason == NoAdvertiser && isCloudEvent(trim(value)):
		return "the event is wrapped in a CloudEvent (it has specversion and no advertiser_id): publish what is in its data alone"
	}
	return ""
}

// isUTF16 reports whether the value begins with UTF-16's byte order mark, or with two
// characters of ASCII in UTF-16, of which every other byte is NUL.
func isUTF16(b []byte) bool {
	if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
		return true
	}
	if len(b) < 4 {
		return false
	}
	littleEndian := b[0] != 0 && b[1] == 0 && b[2] != 0 && b[3] == 0
	bigEndian := b[0] == 0 && b[1] != 0 && b[2] == 0 && b[3] != 0
	return littleEndian || bigEndian
}

// hasMagicByte reports whether the value begins as the serializers of Confluent's Schema
// Registry write it: a NUL and the four bytes of a schema's number. No JSON does.
func hasMagicByte(b []byte) bool {
	const header = 1 + 4
	return len(b) > header && b[0] == 0
}

// isEncodedTwice reports whether raw is a JSON string with an object or a list in it, or
// with such a string.
func isEncodedTwice(raw []byte) bool {
	if len(raw) == 0 || raw[0] != '"' || !jsonscan.Valid(raw) {
		return false
	}
	inner := jsonscan.TextBytes(raw)
	return len(inner) > 0 && bytes.IndexByte([]byte(`{["`), inner[0]) >= 0 && jsonscan.Valid(inner)
}

// isCloudEvent reports whether a JSON object is a CloudEvent in structured mode and not an
// event of ours that has such a member too.
func isCloudEvent(object []byte) bool {
	ours := first(object, "advertiser_id") != nil || first(object, "lead") != nil
	return !ours && jsonscan.Text(first(object, "specversion")) != ""
}
