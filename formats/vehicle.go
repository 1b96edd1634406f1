package formats

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// vehicleElements are ADF's elements of a vehicle in their order. ADF requires the first
// three.
var vehicleElements = [...]string{"year", "make", "model", "vin", "stock", "trim"}

const (
	requiredParts = 3
	stock         = 4                        // the part that is a dealer's
	condition     = len(vehicleElements)     // the part that is an attribute
	parts         = len(vehicleElements) + 1 // of a vehicle
)

// vehicleNames are the plain names that forms have for the parts of a vehicle, those that
// say most first.
var vehicleNames = [parts]string{
	"year vehicleyear modelyear",
	"make vehiclemake",
	"model vehiclemodel",
	"vin vehiclevin vinnumber",
	"stock stocknumber stockno vehiclestock vehiclestocknumber",
	"trim vehicletrim",
	"condition vehiclecondition newused neworused newusedcertified vehiclestatus stocktype inventorytype vehicletype",
}

// The vehicles of a form: the one that it is about, the one that it says is wanted, and the
// one that it says is the customer's own. A form that is about a trade-in is about the
// customer's own.
const (
	mainVehicle = iota
	wantedVehicle
	ownVehicle
	vehicles // how many there are
)

// vehiclePrefixes are what the plain names of a vehicle's fields begin with.
var vehiclePrefixes = [vehicles][]string{
	mainVehicle:   {""},
	wantedVehicle: {"wanted", "desired", "interested", "vehicleofinterest"},
	ownVehicle: {
		"trade", "tradein", "vehicletrade", "vehicletradein", "appraisal", "currentvehicle", "currentcar",
	},
}

func vehicleSlot(v, part int) slot { return firstVehicleSlot + slot(v*parts+part) }

// A vehicle is what a lead says of one; a part that is unknown is empty.
type vehicle [parts]string

func (f *formFields) vehicle(v int) vehicle {
	var car vehicle
	for part := range car {
		car[part] = f.text(vehicleSlot(v, part))
	}
	car[0] = whole(car[0])
	return car
}

// known reports whether the lead says which vehicle it is, or something about that.
func (v *vehicle) known() bool {
	for _, part := range v[:condition] {
		if part != "" {
			return true
		}
	}
	return false
}

// vehicles writes the vehicle that is wanted and the one that the customer trades in, if
// the lead knows of that one. The customer's own is never given as the one wanted: one that
// is to be serviced, which ADF has no word for, stands in the comments alone.
func (p *prospect) vehicles() {
	wanted, own := p.fields.vehicle(mainVehicle), p.fields.vehicle(ownVehicle)
	tradesIn := own.known()
	switch {
	case tradesIn:
	case p.isAbout(tradeInPhrases):
		tradesIn = true
		own, wanted = wanted, vehicle{stock: wanted[stock]} // the customer's own car has no stock number
		own[stock] = ""
	case p.isAbout(servicePhrases):
		wanted = vehicle{}
	}
	for part, desired := range p.fields.vehicle(wantedVehicle) {
		wanted[part] = cmp.Or(wanted[part], desired)
	}
	if wanted.known() || !tradesIn {
		p.vehicle(&wanted, "buy")
	}
	if tradesIn {
		p.vehicle(&own, "trade-in")
	}
}

func (p *prospect) vehicle(v *vehicle, interest string) {
	attrs := append(make([]string, 0, 4), "interest", interest)
	if status := vehicleStatus(v[condition]); status != "" {
		attrs = append(attrs, "status", status)
	}
	p.nest("vehicle", func() {
		for part, element := range vehicleElements {
			value := v[part]
			if value == "" && part < requiredParts {
				value = unknown
			}
			p.optional(element, value)
		}
	}, attrs...)
}

// vehicleStatus returns ADF's word for the condition of a vehicle, and "" for one that is
// neither plainly used nor plainly new, such as "good" or "like new".
func vehicleStatus(condition string) string {
	said := words(condition)
	isNew := strings.Contains(said, " new ")
	for _, used := range [...]string{" used ", " pre owned ", " preowned ", " certified ", " cpo ", " second hand "} {
		if !isNew && strings.Contains(said, used) {
			return "used"
		}
	}
	if said == " new " || said == " brand new " || said == " new vehicle " || said == " new car " {
		return "new"
	}
	return ""
}

// tradeInPhrases and servicePhrases are what the titles of forms say that are about a vehicle
// which the customer has: to be traded in, or to be serviced.
var (
	tradeInPhrases = []string{
		" trade in ", " trade ins ", " tradein ", " tradeins ", " your trade ", " my trade ", " trade value ", " trade evaluation ",
		" appraisal ", " appraisals ", " appraise ",
	}
	servicePhrases = []string{
		" service appointment ", " service appointments ", " schedule service ", " schedule a service ", " schedule your service ", " book service ",
		" book a service ", " service request ", " request service ", " service department ", " service scheduler ", " service booking ",
		" oil change ", " repair ", " repairs ", " body shop ", " collision ",
	}
)

// isAbout reports whether the name or the subject of the form has one of the phrases, in any
// spelling: "Trade-In", "trade_in_form", "ValueYourTrade", "Appraise my car".
func (p *prospect) isAbout(phrases []string) bool {
	for _, title := range [...]string{
		p.form.text("name"), p.form.text("form_name"), p.form.text("subject"),
		p.fields.text(formName), p.fields.text(formSubject),
	} {
		said := words(title)
		if slices.ContainsFunc(phrases, func(phrase string) bool { return strings.Contains(said, phrase) }) {
			return true
		}
	}
	return false
}

// words returns the words of a short text in lower case, with a blank before and after
// each, and "" for a long one. "TradeIn" has two.
func words(s string) string {
	const longest = 256
	if s == "" || len(s) > longest {
		return ""
	}
	b := append(make([]byte, 0, 2*len(s)+2), ' ')
	lower := false // the byte before is a lower-case letter
	for i := range len(s) {
		c := s[i]
		isUpper := 'A' <= c && c <= 'Z'
		letter := isUpper || 'a' <= c && c <= 'z' || isDigit(c) || c >= utf8.RuneSelf
		if (!letter || isUpper && lower) && b[len(b)-1] != ' ' {
			b = append(b, ' ')
		}
		if lower = letter && !isUpper; isUpper {
			c += 'a' - 'A'
		}
		if letter {
			b = append(b, c)
		}
	}
	if b[len(b)-1] != ' ' {
		b = append(b, ' ')
	}
	return string(b)
}

// whole returns a whole number without the fraction that spreadsheets give it, such as 2023
// for "2023.0", and anything else unchanged.
func whole(s string) string {
	number, fraction, ok := strings.Cut(s, ".")
	if !ok || number == "" || fraction == "" || strings.Trim(fraction, "0") != "" || strings.ContainsFunc(number, notADigit) {
		return s
	}
	return number
}
