package formats

import (
	"bytes"
	"unicode"

	"github.com/leadhook/leadhook/lead"
)

// vehicleParts are ADF's elements in their order, each with the names that web
// forms use for it, as plainName writes them. ADF wants the first three always.
var vehicleParts = [...]struct {
	element  string
	required bool
	names    []string
}{
	{"year", true, []string{"year", "vehicleyear", "modelyear"}},
	{"make", true, []string{"make", "vehiclemake"}},
	{"model", true, []string{"model", "vehiclemodel"}},
	{"vin", false, []string{"vin", "vehiclevin", "vinnumber"}},
	{"stock", false, []string{"stock", "stocknumber", "stockno", "vehiclestock", "vehiclestocknumber"}},
	{"trim", false, []string{"trim", "vehicletrim"}},
}

// fieldNames are the plain names of the fields that ADF has an element for.
var fieldNames = func() map[string]bool {
	names := map[string]bool{"email": true}
	for _, part := range vehicleParts {
		for _, name := range part.names {
			names[name] = true
		}
	}
	return names
}()

// formFields are those fields of a form that ADF has an element for and that
// say something, with plain names. Of two with one name the first counts.
func formFields(extra []byte) object {
	var fields object
	for name, value := range lead.Members(extra) {
		plain := plainName(name)
		if fieldNames[string(plain)] && fields.raw(string(plain)) == nil && text(value) != "" {
			fields = append(fields, member{plain, value})
		}
	}
	return fields
}

// find is the first of the names under which the fields say something.
func find(fields object, names ...string) string {
	for _, name := range names {
		if s := fields.text(name); s != "" {
			return s
		}
	}
	return ""
}

// plainName is a field's name in small letters and digits alone: "Vehicle Year"
// and "vehicle_year" are the same.
func plainName(name []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}
