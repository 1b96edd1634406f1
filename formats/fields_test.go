package formats_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/formats"
	"github.com/leadhook/leadhook/lead"
)

// person returns what ADF has of a customer: names, e-mails and phones in their order.
func person(prospect *node) string {
	var all []string
	for _, n := range prospect.find("customer").find("contact").kids {
		switch n.name {
		case "name":
			all = append(all, n.attrs["part"]+" "+n.text)
		case "email", "phone":
			all = append(all, strings.TrimSpace(n.attrs["type"]+" "+n.text))
		}
	}
	return strings.Join(all, ", ")
}

func TestPersonOfTheForm(t *testing.T) {
	for _, tc := range []struct{ name, members, want string }{
		{"no contact", `"contact":null,"form":{"extra_fields":{"name":"Pat Doe","phone":"+44 7700 900123","vehicleMake":"BMW"}}`,
			"full Pat Doe, voice +44 7700 900123"},
		{"Facebook's list", `"form":{"extra_fields":{"field_data":[{"name":"phone_number","values":["+13095550188"]}]}}`,
			"full Unknown, voice +13095550188"},
		{"a list of pairs", `"form":{"extra_fields":[{"name":"First Name","value":"Pat"},{"name":"last-name","value":"Doe"},
			{"name":"E-Mail","value":"pat@example.com","type":"email","id":3},{"name":"Mobile","value":3095550188}]}`,
			"first Pat, last Doe, pat@example.com, cellphone 3095550188"},
		{"Google's list", `"form":{"extra_fields":{"user_column_data":[{"column_id":"FULL_NAME","string_value":"Pat Doe"},
			{"column_id":"PHONE_NUMBER","string_value":"+13095550188","column_name":"User Phone"}]}}`,
			"full Pat Doe, voice +13095550188"},
		{"objects within", `"form":{"extra_fields":{"name":{"first":"Pat","last":"Doe"},"contact":{"email":"pat@example.com","cell_phone":"3095550188"}}}`,
			"first Pat, last Doe, pat@example.com, cellphone 3095550188"},
		{"all kinds of phones", `"form":{"extra_fields":{"fax":"3095550101","work_phone":"3095550102","homePhone":"3095550103",
			"Phone":"3095550104","Cell":"3095550105"}}`,
			"full Unknown, cellphone 3095550105, voice 3095550104, voice 3095550103, voice 3095550102, fax 3095550101"},
		{"each phone once", `"form":{"extra_fields":{"phone":"(309) 555-0188","mobile":"+1 309 555 0188 x4"}}`,
			"full Unknown, cellphone +1 309 555 0188 x4"},
		{"numbers of a spreadsheet", `"contact":{"phone_mobile":13095550188.0}`, "full Unknown, cellphone 13095550188"},
		{"the contact's come first", `"contact":{"first_name":"Pat","email":"pat@example.com","phone_work":"3095550188"},
			"form":{"extra_fields":{"name":"Sam Roe","last_name":"Roe","email":"sam@example.com","phone":"3095550199"}}`,
			"first Pat, pat@example.com, voice 3095550188"},
		{"then the name to show", `"display_name":"P. Doe","form":{"extra_fields":{"first_name":"Sam","name":"Sam Roe"}}`, "full P. Doe, "},
		{"the caller's number comes first", `"call":{"caller_number":"3095550188"},"form":{"extra_fields":{"phone":"3095550199"}}`,
			"full Unknown, voice 3095550188"},
		{"a fax is no phone", `"contact":{"phone_fax":"3095550101"},"form":{"extra_fields":{"phone":"3095550199","fax":"3095550102"}}`,
			"full Unknown, voice 3095550199, fax 3095550101"},
		{"a contact without digits", `"contact":{"phone_home":"asdf"},"form":{"extra_fields":{"phone":"3095550199"}}`,
			"full Unknown, voice 3095550199"},
		{"parts of the name before the whole", `"form":{"extra_fields":{"name":"Pat Doe","first_name":"Pat"}}`, "first Pat, "},
		{"the plain name first", `"form":{"extra_fields":{"customer_email":"b@example.com","email":"a@example.com"}}`,
			"full Unknown, a@example.com"},
		{"of two the first", `"form":{"extra_fields":{"email":" ","Email":"a@example.com","e-mail":"b@example.com"}}`,
			"full Unknown, a@example.com"},
		{"other types", `"form":{"extra_fields":{"name":["Pat"],"phone":true,"email":{"x":"pat@example.com"}}}`, "full Unknown, "},
		{"names of other things", `"form":{"extra_fields":{"company_name":"Doe & Co","phone_model":"X1","email_opt_in":"yes"}}`,
			"full Unknown, "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, person(adfOf(t, inLead(`"event_type":"form",`+tc.members)))); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

// Pairs are shown as the fields that they are, and lists of anything else as they came.
func TestPairsInTheComments(t *testing.T) {
	for extra, want := range map[string]string{
		`[{"name":"a","value":1},{"name":"b","values":["x","y"]},{"name":"c","value":null}]`: "a: 1\nb: x, y",
		`{"x":"y","list":[{"name":"a","values":[]},{"key":"b","value":{"k":1}}],"z":0}`:      "x: y\nb: {\"k\":1}\nz: 0",
		`{"list":[{"name":"mats","value":20,"count":2}]}`:                                    `list: [{"name":"mats","value":20,"count":2}]`,
		`{"list":[{"name":"a","value":1},{"name":"b"}]}`:                                     `list: [{"name":"a","value":1},{"name":"b"}]`,
		`{"list":[{"name":"","value":1}]}`:                                                   `list: [{"name":"","value":1}]`,
		`{"list":[{"name":"a","value":1},"x"]}`:                                              `list: [{"name":"a","value":1},"x"]`,
		`["a","b"]`:                                                                          "Other fields: a, b",
		`[{"a":1}]`:                                                                          `Other fields: [{"a":1}]`,
	} {
		got := commentsOf(t, `"event_type":"form","form":{"extra_fields":`+extra+`}`)
		if _, after, _ := strings.Cut(got, "New Contact\n"); after != want {
			t.Errorf("%s: got %q, want %q", extra, after, want)
		}
	}
}

// However its name is spelled, a field of the form is found.
func TestAnySpellingOfAField(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		field := rapid.SampledFrom([]struct{ words, value, where string }{
			{"first name", "Pat", "customer/contact/name[part=first]"},
			{"your last name", "Doe", "customer/contact/name[part=last]"},
			{"full name", "Pat Doe", "customer/contact/name[part=full]"},
			{"email", "pat@example.com", "customer/contact/email"},
			{"contact email address", "pat@example.com", "customer/contact/email"},
			{"phone number", "3095550188", "customer/contact/phone[type=voice]"},
			{"mobile phone", "3095550188", "customer/contact/phone[type=cellphone]"},
			{"customer work phone", "3095550188", "customer/contact/phone[type=voice]"},
			{"model year", "2027", "vehicle[interest=buy]/year"},
			{"trade in vehicle make", "Kia", "vehicle[interest=trade-in]/make"},
		}).Draw(t, "field")
		name, value := asJSON(spelled(t, strings.Fields(field.words)...)), asJSON(field.value)
		extra := rapid.SampledFrom([]string{
			`{%s:%s}`, `[{"name":%s,"value":%s}]`, `{"field_data":[{"name":%s,"values":[%s]}]}`, `{"x":"y",%s:%s,"z":[1]}`,
		}).Draw(t, "shape")
		event := inLead(`"event_type":"form","form":{"extra_fields":` + fmt.Sprintf(extra, name, value) + `}`)
		ev, err := lead.Decode([]byte(event))
		if err != nil {
			t.Fatal(err)
		}
		prospect, err := parseADF(formats.Render(ev, &lead.Webhook{Format: lead.ADF}, provider).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if got := prospect.at(field.where); !slices.Contains(got, field.value) {
			t.Errorf("%s: got %q at %s, want %q", event, got, field.where, field.value)
		}
	})
}
