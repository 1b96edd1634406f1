package formats_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/lead"
)

func TestRequestDate(t *testing.T) {
	received := time.Date(2026, 11, 23, 16, 16, 3, 0, time.UTC) // no other time's, so that none passes for it
	defer func(here *time.Location) { time.Local = here }(time.Local)
	time.Local = time.FixedZone("here", 3*3600)
	const chicago = `{"time_zone":"America/Chicago"}`
	for _, tc := range []struct{ name, lead, advertiser, published, want string }{
		{"Z", `"occured_at":"2026-11-23T16:12:09Z"`, chicago, ``, "2026-11-23T16:12:09+00:00"},
		{"small letters", `"occured_at":"2026-11-23t16:12:09z"`, ``, ``, "2026-11-23T16:12:09+00:00"},
		{"offset", `"occured_at":"2026-11-23T16:12:09-06:00"`, ``, ``, "2026-11-23T16:12:09-06:00"},
		{"offset without colon", `"occured_at":"2026-11-23T16:12:09+0530"`, ``, ``, "2026-11-23T16:12:09+05:30"},
		{"offset of hours", `"occured_at":"2026-11-23T16:12:09+02"`, ``, ``, "2026-11-23T16:12:09+02:00"},
		{"fraction", `"occured_at":"2026-11-23T16:12:09.999999Z"`, ``, ``, "2026-11-23T16:12:09+00:00"},
		{"fraction and no zone", `"occured_at":"2026-11-23T16:12:09.9"`, chicago, ``, "2026-11-23T16:12:09-06:00"},
		{"blanks", `"occured_at":"  2026-11-23  16:12:09 +01:00\n"`, ``, ``, "2026-11-23T16:12:09+01:00"},
		{"UTC", `"occured_at":"2026-11-23 16:12:09 UTC"`, chicago, ``, "2026-11-23T16:12:09+00:00"},
		{"GMT", `"occured_at":"2026-11-23 11:12:09 GMT"`, chicago, ``, "2026-11-23T11:12:09+00:00"},
		{"no seconds but an offset", `"occured_at":"2026-11-23T16:12-06:00"`, ``, ``, "2026-11-23T16:12:00-06:00"},
		{"no seconds", `"occured_at":"2026-11-23 16:12"`, ``, ``, "2026-11-23T16:12:00+00:00"},
		{"zone of the advertiser in winter", `"occured_at":"2026-11-23 16:12:09"`, chicago, ``, "2026-11-23T16:12:09-06:00"},
		{"and in summer", `"occured_at":"2026-07-23 16:12:09"`, chicago, ``, "2026-07-23T16:12:09-05:00"},
		{"no zone known", `"occured_at":"2026-11-23 16:12:09"`, `{"name":"x"}`, ``, "2026-11-23T16:12:09+00:00"},
		{"zone that is none", `"occured_at":"2026-11-23 16:12:09"`, `{"time_zone":"Mars/Olympus"}`, ``, "2026-11-23T16:12:09+00:00"},
		{"zone of the machine", `"occured_at":"2026-11-23 16:12:09"`, `{"time_zone":"Local"}`, ``, "2026-11-23T16:12:09+00:00"},
		{"zone that is a path", `"occured_at":"2026-11-23 16:12:09"`, `{"time_zone":"../../etc/passwd"}`, ``,
			"2026-11-23T16:12:09+00:00"},
		{"created", `"occured_at":null,"created_at":"2026-11-22T01:02:03Z"`, ``, ``,
			"2026-11-22T01:02:03+00:00"},
		{"unreadable, created", `"occured_at":"yesterday","created_at":"2026-11-22T01:02:03Z"`, ``, ``,
			"2026-11-22T01:02:03+00:00"},
		{"a date alone is no time", `"occured_at":"2026-11-21","created_at":"2026-11-22T01:02:03Z"`, ``, ``,
			"2026-11-22T01:02:03+00:00"},
		{"no such day", `"occured_at":"2026-02-30T01:02:03Z","created_at":"2026-11-22T01:02:03Z"`, ``, ``,
			"2026-11-22T01:02:03+00:00"},
		{"never set, created", `"occured_at":"0001-01-01T00:00:00Z","created_at":"2026-11-22T01:02:03Z"`, ``, ``,
			"2026-11-22T01:02:03+00:00"},
		{"never set in SQL, created", `"occured_at":"0000-00-00 00:00:00","created_at":"2026-11-22T01:02:03Z"`, ``, ``,
			"2026-11-22T01:02:03+00:00"},
		{"published", `"created_at":{}`, ``, "2026-11-20 04:05:06 Z", "2026-11-20T04:05:06+00:00"},
		{"received", `"occured_at":"noon","created_at":"11/23/2026"`, chicago, "soon", "2026-11-23T16:16:03+00:00"},
		{"nothing known", `"x":1`, ``, ``, "2026-11-23T16:16:03+00:00"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := decode(t, inLead(`"event_type":"call",`+tc.lead))
			ev.Advertiser, ev.PublishedAt, ev.Received = json.RawMessage(tc.advertiser), tc.published, received
			got := render(t, ev, &lead.Webhook{Format: lead.ADF}).at("requestdate")
			if !slices.Equal(got, []string{tc.want}) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRequestDateOfAnyRecord(t *testing.T) {
	const millis, want = 1795450329000, "2026-11-23T16:12:09+00:00"
	for _, stamp := range []int64{millis, millis * 1000, millis * 1_000_000} {
		ev := decode(t, inLead(`"event_type":"call"`))
		ev.Received = time.UnixMilli(stamp)
		if got := render(t, ev, &lead.Webhook{Format: lead.ADF}).at("requestdate"); !slices.Equal(got, []string{want}) {
			t.Errorf("record of %d: got %q, want %q", stamp, got, want)
		}
	}
}

func TestPhones(t *testing.T) {
	for _, tc := range []struct {
		name, contact, caller string
		want                  []string
	}{
		{"order and types", `"phone_fax":"5550101","phone_work":"5550102","phone_home":"5550103","phone_mobile":"5550104"`,
			`"5550105"`, []string{"cellphone 5550104", "voice 5550103", "voice 5550102", "voice 5550105", "fax 5550101"}},
		{"as received, trimmed", `"phone_home":" (833)174-7656 x881 "`, `null`, []string{"voice (833)174-7656 x881"}},
		{"caller is the mobile", `"phone_mobile":"(309) 555-0117"`, `"+1 309.555.0117"`, []string{"cellphone (309) 555-0117"}},
		{"extension x", `"phone_home":"3095550117","phone_work":"(309)555-0117 x881"`, `null`, []string{"voice 3095550117"}},
		{"extension ext.", `"phone_home":"3095550117","phone_work":"309 555 0117 Ext. 9"`, `null`, []string{"voice 3095550117"}},
		{"extension ;ext=", `"phone_home":"3095550117","phone_work":"+13095550117;ext=9"`, `null`, []string{"voice 3095550117"}},
		{"extension #", `"phone_home":"3095550117","phone_work":"309-555-0117 #9 (desk)"`, `null`, []string{"voice 3095550117"}},
		{"extensions differ: one number", `"phone_home":"3095550117x1","phone_work":"3095550117x2"`, `null`,
			[]string{"voice 3095550117x1"}},
		{"other number", `"phone_home":"3095550117","phone_work":"3095550118"`, `null`,
			[]string{"voice 3095550117", "voice 3095550118"}},
		{"other area", `"phone_home":"3095550117","phone_work":"6185550117"`, `null`,
			[]string{"voice 3095550117", "voice 6185550117"}},
		{"a service code before is no number", `"phone_home":"#31#3095550117","phone_work":"#31#3095550118"`, `"3095550117"`,
			[]string{"voice #31#3095550117", "voice #31#3095550118"}},
		{"nor is a count", `"phone_home":"1 x 3095550117","phone_work":"no. 1 #3095550118"`, `null`,
			[]string{"voice 1 x 3095550117", "voice no. 1 #3095550118"}},
		{"a word before is no extension", `"phone_home":"fax 3095550117","phone_work":"x3095550118"`, `null`,
			[]string{"voice fax 3095550117", "voice x3095550118"}},
		{"only the tenth digit from the end differs", `"phone_home":"3095550117","phone_work":"2095550117"`, `null`,
			[]string{"voice 3095550117", "voice 2095550117"}},
		{"the eleventh does not count", `"phone_home":"13095550117","phone_work":"23095550117"`, `null`,
			[]string{"voice 13095550117"}},
		{"extensions by other words", `"phone_home":"3095550117","phone_work":"3095550117 extension 9","phone_fax":"3095550117 extn. 9"`,
			`null`, []string{"voice 3095550117"}},
		{"an extension as long as the number", `"phone_home":"5550117","phone_work":"5550117x5550118"`, `null`,
			[]string{"voice 5550117"}},
		{"short numbers", `"phone_home":"5550117","phone_work":"50117"`, `null`, []string{"voice 5550117", "voice 50117"}},
		{"no digits", `"phone_home":"asdf","phone_work":"n/a"`, `"anonymous"`, []string{" "}},
		{"numbers", `"phone_home":3095550117`, `13095550117`, []string{"voice 3095550117"}},
		{"other types", `"phone_home":false,"phone_work":["3095550117"],"phone_mobile":{"n":1}`, `null`, []string{" "}},
		{"none", `"x":1`, `""`, []string{" "}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := adfOf(t, inLead(fmt.Sprintf(`"event_type":"call","contact":{%s},"call":{"caller_number":%s}`, tc.contact, tc.caller)))
			var got []string
			for _, n := range p.find("customer").find("contact").kids {
				if n.name == "phone" {
					got = append(got, n.attrs["type"]+" "+n.text)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

func TestNoEmptyPhoneBesideAnEmail(t *testing.T) {
	p := adfOf(t, inLead(`"event_type":"form","form":{"extra_fields":{"EMAIL":"a@example.com"}}`))
	if got := p.at("customer/contact/phone"); got != nil {
		t.Errorf("got phones %q, want none", got)
	}
	if got := p.at("customer/contact/email"); !slices.Equal(got, []string{"a@example.com"}) {
		t.Errorf("got e-mails %q, want the one of the form", got)
	}
}

func TestContactEmailBeforeTheForms(t *testing.T) {
	p := adfOf(t, inLead(`"event_type":"form","contact":{"email":"b@example.com"},`+
		`"form":{"extra_fields":{"email":"a@example.com"}}`))
	if got := p.at("customer/contact/email"); !slices.Equal(got, []string{"b@example.com"}) {
		t.Errorf("got e-mails %q, want the contact's", got)
	}
}

func TestVehicle(t *testing.T) {
	for _, tc := range []struct{ name, fields, want string }{
		{"nothing", `{}`, "year=Unknown make=Unknown model=Unknown"},
		{"no object", `["year",2027]`, "year=Unknown make=Unknown model=Unknown"},
		{"everything", `{"trim":"LX","stock":"S1","vin":"V1","model":"M","make":"K","year":2027}`,
			"year=2027 make=K model=M vin=V1 stock=S1 trim=LX"},
		{"long names", `{"vehicle_year":"2027","vehicle_make":"K","vehicle_model":"M","vehicle_vin":"V1",` +
			`"stock_number":"S1","vehicle_trim":"LX"}`,
			"year=2027 make=K model=M vin=V1 stock=S1 trim=LX"},
		{"any case", `{"YEAR":"2027","Vehicle Make":"K","VehicleModel":"M","VIN":"V1","Stock Number":"S1"}`,
			"year=2027 make=K model=M vin=V1 stock=S1"},
		{"the short name first", `{"vehicle_year":2020,"year":2027}`, "year=2027 make=Unknown model=Unknown"},
		{"blank is unknown", `{"year":" ","vehicle_year":2020,"make":null,"vin":""}`, "year=2020 make=Unknown model=Unknown"},
		{"other types", `{"year":{"from":2020},"make":["K"],"model":true}`, "year=Unknown make=Unknown model=Unknown"},
		{"more long names", `{"model year":2027,"vehicle_stock":"S1","VIN Number":"V1"}`,
			"year=2027 make=Unknown model=Unknown vin=V1 stock=S1"},
		{"names of the stock number", `{"Stock No":"S1"}`, "year=Unknown make=Unknown model=Unknown stock=S1"},
		{"the longest one", `{"vehicle_stock_number":"S1"}`, "year=Unknown make=Unknown model=Unknown stock=S1"},
		{"similar names", `{"years":3,"maker":"K","car model":"M"}`, "year=Unknown make=Unknown model=Unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := adfOf(t, inLead(`"event_type":"form","form":{"extra_fields":`+tc.fields+`}`))
			var got []string
			for _, n := range p.find("vehicle").kids {
				got = append(got, n.name+"="+n.text)
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

func TestCountry(t *testing.T) {
	for given, want := range map[string]string{
		"US": "US", "us": "US", "USA": "US", "U.S.A.": "US", "U.S.": "US", "840": "US",
		"United States": "US", "UNITED STATES OF AMERICA": "US", "the United States": "US", " usa ": "US", "États-Unis": "US",
		"Canada": "CA", "CAN": "CA", "México": "MX", "Mexico": "MX", "Deutschland": "DE", "germany": "DE",
		"UK": "GB", "United Kingdom": "GB", "Great Britain": "GB", "Australia": "AU",
		"Atlantis": "Atlantis", "EU": "EU", "AAA": "AAA", "ZZ": "ZZ", "Illinois": "Illinois",
	} {
		p := adfOf(t, inLead(fmt.Sprintf(`"event_type":"call","contact":{"country":%q}`, given)))
		if got := p.at("customer/contact/address/country"); !slices.Equal(got, []string{want}) {
			t.Errorf("country %q: got %q, want %q", given, got, want)
		}
	}
}

func TestAddress(t *testing.T) {
	for contact, want := range map[string][]string{
		`"address1":"","city":" ","state":null`:   nil,
		`"city":"Peoria"`:                         {"street1=", "city=Peoria"},
		`"address2":"Unit 4"`:                     {"street1=", "street2=Unit 4"},
		`"country":"USA","address1":"1 Oak\r\nB"`: {"street1=1 Oak\nB", "country=US"},
	} {
		p := adfOf(t, inLead(`"event_type":"call","contact":{`+contact+`}`))
		var got []string
		if address := p.find("customer").find("contact").find("address"); address != nil {
			for _, n := range address.kids {
				got = append(got, n.name+n.attrs["line"]+"="+n.text)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: want (-), got (+):\n%s", contact, diff)
		}
	}
}

func TestNames(t *testing.T) {
	for members, want := range map[string][]string{
		`"contact":{"first_name":" Dana ","last_name":"W"},"display_name":"D. W."`: {"first=Dana", "last=W"},
		`"contact":{"last_name":"W"},"display_name":"D. W."`:                       {"last=W"},
		`"contact":{"first_name":" "},"display_name":" D. W. "`:                    {"full=D. W."},
		`"contact":{"first_name":"\u0001"},"display_name":"\u0002\ufffe"`:          {"full=Unknown"},
		`"contact":null`: {"full=Unknown"},
	} {
		p := adfOf(t, inLead(`"event_type":"call",`+members))
		var got []string
		for _, n := range p.find("customer").find("contact").kids {
			if n.name == "name" {
				got = append(got, n.attrs["part"]+"="+n.text)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: want (-), got (+):\n%s", members, diff)
		}
	}
}

func TestServiceAndFirstLines(t *testing.T) {
	for _, tc := range []struct{ event, service, lines string }{
		{`"trigger":"new_contact","lead":{"id":1,"event_type":"call"}`, "Phone call", "New Lead for New Contact"},
		{`"trigger":"existing_contact","lead":{"id":1,"event_type":"chat"}`, "Chat", "New Lead for Existing Contact"},
		{`"trigger":"new_lead","lead":{"id":1,"event_type":"form"}`, "Web form", "New Lead for Existing Contact"},
		{`"trigger":"new_contact","lead":{"id":1,"event_type":"form","form":{"sub_type":"FormEmail"}}`,
			"Email", "New Lead for New Contact"},
	} {
		for _, test := range []bool{false, true} {
			p := adfOf(t, fmt.Sprintf(`{"advertiser_id":"A_1","test":%v,%s}`, test, tc.event))
			want := "Lead type: " + tc.service + "\nEvent: " + tc.lines
			if test {
				want = "TEST LEAD\n" + want
			}
			if got := p.at("customer/comments")[0]; got != want {
				t.Errorf("%s: got comments %q, want %q", tc.event, got, want)
			}
			if got := p.at("provider/service"); !slices.Equal(got, []string{tc.service}) {
				t.Errorf("%s: got service %q, want %q", tc.event, got, tc.service)
			}
		}
	}
}

// No webhook takes such a lead today; rendering one must work all the same.
func TestUnknownKind(t *testing.T) {
	p := adfOf(t, inLead(`"event_type":"sms"`))
	if got := p.at("provider/service"); got != nil {
		t.Errorf("got service %q, want none", got)
	}
	if got := p.at("customer/comments")[0]; !strings.HasPrefix(got, "Lead type: sms\n") {
		t.Errorf("got comments %q, want the producer's word for the kind first", got)
	}
}

// find is the first child of that name, nil if there is none.
func (n *node) find(name string) *node {
	for _, kid := range n.kids {
		if kid.name == name {
			return kid
		}
	}
	return nil
}
