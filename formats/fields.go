package formats

import (
	"bytes"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/leadhook/leadhook/lead/jsonscan"
)

// A slot is what a form's field stands for in ADF.
type slot int

const (
	firstName slot = iota
	lastName
	fullName
	emailAddress
	mobilePhone
	otherPhone
	homePhone
	workPhone
	faxNumber
	formName
	formSubject
	firstVehicleSlot // and one for each part of each of the vehicles
	slots            = firstVehicleSlot + slot(vehicles*parts)
)

// contactNames are the plain names of the fields in which customers say who they are, those
// that say most first. Many forms have "your", "contact" or "customer" before them.
var contactNames = [...]string{
	firstName:    "firstname fname givenname forename namefirst first",
	lastName:     "lastname lname surname familyname namelast last",
	fullName:     "fullname name",
	emailAddress: "email emailaddress workemail",
	mobilePhone: "mobile mobilephone mobilenumber mobilephonenumber phonemobile " +
		"cell cellphone cellnumber cellphonenumber phonecell whatsapp whatsappnumber",
	otherPhone: "phone phonenumber phoneno telephone telephonenumber tel callbacknumber primaryphone",
	homePhone:  "homephone homephonenumber phonehome eveningphone",
	workPhone:  "workphone workphonenumber phonework businessphone daytimephone dayphone",
	faxNumber:  "fax faxnumber phonefax",
}

// A place is a slot, and how well a name fits it: of two fields for the same slot that of
// the lower rank counts, and of two of the same rank the first.
type place struct {
	slot slot
	rank int
}

// places are the slots by the plain names of fields.
var places = func() map[string]place {
	all := map[string]place{}
	add := func(s slot, prefixes []string, names string) {
		rank := 0
		for _, prefix := range prefixes {
			for name := range strings.FieldsSeq(names) {
				if _, ok := all[prefix+name]; !ok {
					all[prefix+name] = place{s, rank}
				}
				rank++
			}
		}
	}
	for s, names := range contactNames {
		add(slot(s), []string{"", "your", "contact", "customer"}, names)
	}
	add(formName, []string{""}, "formname formtitle form")
	add(formSubject, []string{""}, "subject formsubject")
	for v, prefixes := range vehiclePrefixes {
		for part, names := range vehicleNames {
			add(vehicleSlot(v, part), prefixes, names)
		}
	}
	return all
}()

// longestName is the length of the longest plain name that is known.
var longestName = func() (n int) {
	for name := range places {
		n = max(n, len(name))
	}
	return n
}()

// formFields are the texts of the fields of a form for which ADF has an element.
type formFields [slots]struct {
	text string
	rank int
}

// read takes the fields of a form. It also takes the members of an object within, as fields
// whose names begin with the object's.
func (f *formFields) read(extra []byte) {
	var room [64]byte
	for name, value := range formMembers(extra) {
		plain := appendPlain(room[:0], name)
		f.take(plain, value)
		if value[0] != '{' || len(plain) > longestName {
			continue
		}
		for inner, value := range jsonscan.Members(value) {
			f.take(appendPlain(plain, inner), value)
		}
	}
}

// take keeps a field if it is not empty and fits better than what is there.
func (f *formFields) take(plain, value []byte) {
	at, ok := places[string(plain)]
	if !ok {
		return
	}
	field := &f[at.slot]
	if field.text != "" && field.rank <= at.rank {
		return
	}
	if s := text(value); s != "" {
		field.text, field.rank = s, at.rank
	}
}

func (f *formFields) text(s slot) string { return f[s].text }

// appendPlain appends the lower-case letters and digits of a field's name, so that
// "Vehicle Year" and "vehicle_year" are the same. It stops after more than any known name
// has.
func appendPlain(plain, name []byte) []byte {
	for len(name) > 0 && len(plain) <= longestName {
		r, size := rune(name[0]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(name)
		}
		name = name[size:]
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			plain = utf8.AppendRune(plain, unicode.ToLower(r))
		}
	}
	return plain
}

// formMembers yields the fields of a form in their order. Most producers write them as the
// members of an object; others as a list of pairs of name and value, or within such a list
// that is a member, as Facebook does:
//
//	{"field_data": [{"name": "phone_number", "values": ["+13095550188"]}]}
func formMembers(extra []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		if arePairs(extra) {
			eachPair(extra, yield)
			return
		}
		for name, value := range jsonscan.Members(extra) {
			if arePairs(value) {
				if !eachPair(value, yield) {
					return
				}
			} else if !yield(name, value) {
				return
			}
		}
	}
}

// arePairs reports whether raw is a list of pairs and nothing else.
func arePairs(raw []byte) bool {
	ok := false
	for entry := range jsonscan.Elements(raw) {
		if _, _, ok = pair(entry); !ok {
			break
		}
	}
	return ok
}

// eachPair yields the pairs of a list, and returns false if it was told to stop.
func eachPair(list []byte, yield func(name, value []byte) bool) bool {
	for entry := range jsonscan.Elements(list) {
		if name, value, _ := pair(entry); !yield(name, value) {
			return false
		}
	}
	return true
}

// pair returns the name and the value of a field that is written as an object. ok is false
// if raw is none, or has members that say more.
func pair(raw []byte) (name, value []byte, ok bool) {
	for key, member := range jsonscan.Members(raw) {
		switch string(key) {
		case "name", "key", "label", "column_id":
			if name == nil {
				name = jsonscan.TextBytes(member)
			}
		case "value", "values", "string_value":
			if value == nil {
				value = onlyElement(member)
			}
		case "id", "type", "column_name": // of the form, not of what was entered
		default:
			return nil, nil, false
		}
	}
	return name, value, len(bytes.TrimSpace(name)) > 0 && value != nil
}

// onlyElement returns the only element of a list, and anything else unchanged.
func onlyElement(raw []byte) []byte {
	only := raw
	n := 0
	for value := range jsonscan.Elements(raw) {
		if only = value; n > 0 {
			return raw
		}
		n++
	}
	return only
}
