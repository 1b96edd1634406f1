package formats

import (
	"bytes"
	"unicode"

	"github.com/leadhook/leadhook/lead/jsonscan"
)

// vehicleParts are ADF's elements of a vehicle in their order, each with the plain
// names that web forms use for it. ADF requires the first three.
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

// fieldNames are the plain names of the form fields for which ADF has an element.
var fieldNames = func() map[string]bool {
	names := map[string]bool{"email": true}
	for _, part := range vehicleParts {
		for _, name := range part.names {
			names[name] = true
		}
	}
	return names
}()

// formFields returns the fields of a form that are not empty and for which ADF has
// an element, with plain names. Of two with the same name the first counts.
func formFields(extra []byte) object {
	var fields object
	for name, value := range jsonscan.Members(extra) {
		plain := plainName(name)
		if fieldNames[string(plain)] && fields.raw(string(plain)) == nil && text(value) != "" {
			fields = append(fields, member{plain, value})
		}
	}
	return fields
}

// find returns the first value that is not empty among those names.
func find(fields object, names ...string) string {
	for _, name := range names {
		if s := fields.text(name); s != "" {
			return s
		}
	}
	return ""
}

// plainName returns the lower-case letters and digits of a field's name, so that
// "Vehicle Year" and "vehicle_year" are the same.
func plainName(name []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}
