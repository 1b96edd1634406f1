package shares

import (
	"strconv"
	"strings"
)

// A Place is how far a share is filled. The zero Place is that of a share that is not
// there.
type Place struct {
	Applied int64  // every record of the share below this offset is in it, or did not count
	Head    string // the change id of the record at Applied-1; empty if there is none, or it is not known
}

// String returns the place as it is stored. It is empty for the zero Place.
func (p Place) String() string {
	switch {
	case p.Applied == 0:
		return ""
	case p.Head == "":
		return strconv.FormatInt(p.Applied, 10)
	}
	return strconv.FormatInt(p.Applied, 10) + " " + p.Head
}

// parsePlace reads what String wrote. Nothing else is a place: the script compares
// places as texts.
func parsePlace(text string) (Place, bool) {
	applied, head, _ := strings.Cut(text, " ")
	offset, err := strconv.ParseInt(applied, 10, 64)
	p := Place{Applied: offset, Head: head}
	return p, err == nil && p.valid() && p.String() == text
}

func (p Place) valid() bool { return p.Applied > 0 && (p.Head == "" || isID(p.Head)) }

// maxID is the longest epoch or change id.
const maxID = 64

// isID reports whether a text may be an epoch or a change id.
func isID(text string) bool {
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return text != "" && len(text) <= maxID
}
