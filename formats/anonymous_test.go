package formats_test

import (
	"slices"
	"strings"
	"testing"
)

func TestAnonymousCallers(t *testing.T) {
	for _, number := range []string{
		"anonymous", "Anonymous", "ANONYMOUS CALLER", "sip:anonymous@anonymous.invalid", "anonymous@192.0.2.1", `"Anonymous" <sip:a@b.invalid>`,
		"+266696687", "266696687", "+1266696687", "+86282452253", "+7378742833", "+2562533", "+8656696", "+7748283",
		"Restricted", "Private", "Private Number", "PRIVATE CALLER", "Unavailable", "Unknown", "unknown caller", "Blocked", "Withheld",
		"No Caller ID", "Out of Area", "0000000000", "000-000-0000", "+1 (000) 000-0000", "+10000000000", "0",
	} {
		p := adfOf(t, inLead(`"event_type":"call","call":{"caller_number":`+asJSON(number)+`}`))
		if got := p.at("customer/contact/phone"); !slices.Equal(got, []string{""}) {
			t.Errorf("%q: got phones %q, want an empty one", number, got)
		}
		if got := p.at("customer/comments")[0]; !strings.HasSuffix(got, "\nAnonymous caller: "+number) {
			t.Errorf("%q: got comments %q, want it at their end", number, got)
		}
	}
}

func TestNumbersThatAreNotAnonymous(t *testing.T) {
	for _, number := range []string{
		"+13095550188", "7378742833", "(737) 874-2833", "+17378742833", "2562533", "256-2533", "8656696", "7748283", "266-6966",
		"+49 266 6966870", "1000000000", "100", "+1 309 555 0000", "private: 3095550188", "3095550188 (unknown)",
	} {
		p := adfOf(t, inLead(`"event_type":"call","call":{"caller_number":`+asJSON(number)+`}`))
		if got := p.at("customer/contact/phone"); !slices.Equal(got, []string{number}) {
			t.Errorf("%q: got phones %q, want the number", number, got)
		}
		if got := p.at("customer/comments")[0]; strings.Contains(got, "Anonymous") {
			t.Errorf("%q: got comments %q, want no anonymous caller in them", number, got)
		}
	}
}

// What hides the caller's number hides none of the others, and is told once.
func TestAnonymousBesideANumber(t *testing.T) {
	p := adfOf(t, inLead(`"event_type":"call","contact":{"phone_home":"Restricted","phone_work":"3095550188","phone_fax":"Restricted"},
		"call":{"caller_number":"+266696687"},"form":{"extra_fields":{"phone":"Unknown"}}`))
	if got := person(p); got != "full Unknown, voice 3095550188" {
		t.Errorf("got %q, want the number that is known", got)
	}
	if got := p.at("customer/comments")[0]; !strings.Contains(got, "\nAnonymous caller: Restricted\nAnonymous caller: +266696687\n") {
		t.Errorf("got comments %q, want both words for a hidden number once", got)
	}
	p = adfOf(t, inLead(`"event_type":"call","call":{"caller_number":"anonymous"},"form":{"extra_fields":{"phone":"3095550199"}}`))
	if got := person(p); got != "full Unknown, voice 3095550199" {
		t.Errorf("got %q, want the number of the form", got)
	}
}
