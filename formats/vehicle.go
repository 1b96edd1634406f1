package formats

import (
	"bytes"
	"unicode"
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

// find is the first of the names under which the fields say something. The
// fields have plain names.
func find(fields object, names ...string) string {
	for _, name := range names {
		for _, m := range fields {
			if string(m.name) != name {
				continue
			}
			if s := text(m.raw); s != "" {
				return s
			}
		}
	}
	return ""
}

// plainNames gives the fields of a form plain names.
func plainNames(fields object) object {
	plain := make(object, len(fields))
	for i, m := range fields {
		plain[i] = member{plainName(m.name), m.raw}
	}
	return plain
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
