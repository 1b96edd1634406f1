package formats_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/lead"
)

// A fact is one member of the event and where a reader of ADF must find it.
type fact struct{ member, value, where string }

// facts are all members that ADF carries. In comments the value stands on a
// line with its label.
func facts() []fact {
	all := []fact{
		{"lead.contact_id", "31874402", "customer/id"},
		{"lead.contact.first_name", "Dana", "customer/contact/name[part=first]"},
		{"lead.contact.last_name", "Whitfield", "customer/contact/name[part=last]"},
		{"lead.contact.email", "dana@example.com", "customer/contact/email"},
		{"lead.contact.phone_mobile", "309-555-0101", "customer/contact/phone[type=cellphone]"},
		{"lead.contact.phone_home", "309-555-0102", "customer/contact/phone[type=voice]"},
		{"lead.contact.phone_work", "309-555-0103", "customer/contact/phone[type=voice]"},
		{"lead.call.caller_number", "309-555-0104", "customer/contact/phone[type=voice]"},
		{"lead.contact.phone_fax", "309-555-0105", "customer/contact/phone[type=fax]"},
		{"lead.contact.address1", "118 Orchard Lane", "customer/contact/address/street[line=1]"},
		{"lead.contact.address2", "Unit 4", "customer/contact/address/street[line=2]"},
		{"lead.contact.city", "Peoria", "customer/contact/address/city"},
		{"lead.contact.state", "IL", "customer/contact/address/regioncode"},
		{"lead.contact.postal", "61602", "customer/contact/address/postalcode"},
		{"lead.contact.country", "CA", "customer/contact/address/country"},
		{"advertiser.name", "Prairie State Motors", "vendor/vendorname"},
		{"advertiser.name", "Prairie State Motors", "vendor/contact/name[type=business]"},
		{"advertiser.url", "https://prairie.example.com/?a=1&b=2", "vendor/url"},
		{"advertiser.email", "leads@prairie.example.com", "vendor/contact/email"},
		{"advertiser.phone", "309-555-0100", "vendor/contact/phone"},
	}
	for name, value := range map[string]string{
		"year": "2027", "make": "Vantara", "model": "Ranchero", "vin": "1VTRC27X8VA020417", "stock": "VR-20417", "trim": "LX",
	} {
		all = append(all, fact{"lead.form.extra_fields." + name, value, "vehicle/" + name})
		all = append(all, fact{"lead.form.extra_fields." + name, value, name})
	}
	for member, label := range map[string]string{
		"lead.campaign_name": "Campaign", "lead.notes": "Notes", "lead.tags": "Tags",
		"lead.call.recording_url": "Call recording", "lead.call.dialed_number": "Tracking number",
		"lead.chat.summary": "Chat summary",
		"lead.form.subject": "Subject", "lead.form.message": "Message", "lead.form.full_message": "Full message",
		"lead.form.extra_fields.Favourite colour": "Favourite colour",
		"lead.contact.notes":                      "Contact notes", "lead.contact.tags": "Contact tags",
		"lead.contact.company": "Company", "lead.contact.title": "Title",
	} {
		all = append(all, fact{member, "the " + label + " of <this> lead & no other", label})
	}
	return all
}

// holds says whether a prospect tells the fact where it should.
func (f fact) holds(prospect *node) bool {
	if strings.Contains(f.where, "/") {
		return slices.Contains(prospect.at(f.where), f.value)
	}
	lines := strings.Split(prospect.at("customer/comments")[0], "\n")
	return slices.Contains(lines, f.where+": "+f.value)
}

func TestADFHoldsEveryFact(t *testing.T) {
	for _, kind := range []string{"call", "chat", "form", "email"} {
		t.Run(kind, func(t *testing.T) {
			prospect := adfOf(t, eventWith(t, kind, facts()))
			for _, f := range facts() {
				if !f.holds(prospect) {
					t.Errorf("%s %q is not found at %s", f.member, f.value, f.where)
				}
			}
		})
	}
}

func TestADFHoldsEachFactAlone(t *testing.T) {
	for _, f := range facts() {
		t.Run(f.member+" at "+f.where, func(t *testing.T) {
			for _, kind := range []string{"call", "form"} {
				if prospect := adfOf(t, eventWith(t, kind, []fact{f})); !f.holds(prospect) {
					t.Errorf("%s: %q is not found at %s", kind, f.value, f.where)
				}
			}
		})
	}
}

func TestADFHoldsTheChat(t *testing.T) {
	prospect := adfOf(t, inLead(`"event_type":"chat","chat":{"transcript":[
		{"from":"Marcus","message":"Hi"},{"from":"Agent","message":"Hello, who is it?"},{"from":"Marcus","message":"Me"}]}`))
	const want = "Chat transcript:\nMarcus: Hi\nAgent: Hello, who is it?\nMarcus: Me"
	if got := prospect.at("customer/comments")[0]; !strings.HasSuffix(got, want) {
		t.Errorf("got comments %q, want them to end with %q", got, want)
	}
}

// The ids and names that are there in every ADF.
func TestADFIdentity(t *testing.T) {
	ev := decode(t, inLead(`"event_type":"call"`))
	for _, tc := range []struct {
		name         string
		hook         lead.Webhook
		advertiser   string
		vendor, from string
	}{
		{"nothing set", lead.Webhook{}, ``, "A_1", provider},
		{"advertiser has a name", lead.Webhook{}, `{"name":" Motors "}`, "Motors", provider},
		{"advertiser's name is blank", lead.Webhook{}, `{"name":" "}`, "A_1", provider},
		{"webhook has names", lead.Webhook{VendorName: "Vendor", ProviderName: "Source"}, `{"name":"Motors"}`, "Vendor", "Source"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.hook.Format = lead.ADF
			ev.Advertiser = json.RawMessage(tc.advertiser)
			p := render(t, ev, &tc.hook)
			for path, want := range map[string]string{
				"id[source=" + tc.from + "]":        "17",
				"vendor/id[source=" + tc.from + "]": "A_1",
				"vendor/vendorname":                 tc.vendor,
				"vendor/contact/name[part=full]":    tc.vendor,
				"provider/name":                     tc.from,
			} {
				if got := p.at(path); !slices.Equal(got, []string{want}) {
					t.Errorf("%s: got %q, want %q", path, got, want)
				}
			}
		})
	}
}

// Such an id says nothing once XML has dropped what it forbids.
func TestADFOfAnAdvertiserThatXMLCannotName(t *testing.T) {
	p := adfOf(t, `{"advertiser_id":"\ufffe","trigger":"new_contact","lead":{"id":1,"event_type":"call"}}`)
	for _, path := range []string{"vendor/id", "vendor/vendorname"} {
		if got := p.at(path); !slices.Equal(got, []string{"Unknown"}) {
			t.Errorf("%s: got %q, want Unknown", path, got)
		}
	}
}

// eventWith is an event of that kind with just these facts.
func eventWith(t *testing.T, kind string, facts []fact) string {
	t.Helper()
	body := map[string]any{"id": 17, "event_type": kind}
	if kind == "email" {
		body["event_type"], body["form"] = "form", map[string]any{"sub_type": "FormEmail"}
	}
	event := map[string]any{"advertiser_id": "A_1", "trigger": "new_contact", "lead": body}
	for _, f := range facts {
		into, path := event, strings.Split(f.member, ".")
		for _, name := range path[:len(path)-1] {
			if into[name] == nil {
				into[name] = map[string]any{}
			}
			into = into[name].(map[string]any)
		}
		into[path[len(path)-1]] = f.value
		if path[len(path)-1] == "tags" {
			into["tags"] = []string{f.value}
		}
	}
	b, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// inLead is an event whose lead has these members beside its id.
func inLead(members string) string {
	return fmt.Sprintf(`{"advertiser_id":"A_1","trigger":"new_contact","lead":{"id":17,%s}}`, members)
}
