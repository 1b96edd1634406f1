package http1

import (
	"cmp"
	"net/http"
)

// keptFields are the fields that tell where an answer leads, or by whom it was made.
var keptFields = [...]string{
	"Location", "Server", "Cf-Mitigated", challengeField, "X-Amzn-Errortype", "X-Sucuri-Block", "X-Azure-Ref",
}

// maxKept is the largest value that is kept, in bytes.
const maxKept = 2 << 10

// challengeField says that AWS WAF answered with a challenge, with the status 202 as a rule.
const challengeField = "X-Amzn-Waf-Action"

// KeepFields returns what an answer keeps of its header: where it leads, and what may tell by
// whom it was made; with 2xx only whether that was a challenge of AWS WAF. Of several fields of a name it is the first
// that is not empty; one of more than 2 KiB is left out.
func KeepFields(status int, header http.Header) (kept []HeaderField) {
	for _, name := range keptFields {
		if value := cmp.Or(header[name]...); value != "" {
			kept = keepField(kept, status, []byte(name), []byte(value))
		}
	}
	return kept
}

// keepField is KeepFields for one field.
func keepField(kept []HeaderField, status int, name, value []byte) []HeaderField {
	if status/100 == 2 && !isName(name, challengeField) || len(value) == 0 || len(value) > maxKept {
		return kept
	}
	for _, known := range keptFields {
		if isName(name, known) && fieldOf(kept, known) == "" {
			return append(kept, HeaderField{Name: known, Value: string(value)})
		}
	}
	return kept
}

// Field returns the value of a field that was kept, by its canonical name, or "".
func (a *Answer) Field(name string) string { return fieldOf(a.Fields, name) }

func fieldOf(fields []HeaderField, name string) string {
	for _, f := range fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}
