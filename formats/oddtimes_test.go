package formats_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadhook/leadhook/lead"
)

func TestOddTimes(t *testing.T) {
	for given, want := range map[string]string{
		`"2025-09-16 01:20 AM -04:00"`:                                "2025-09-16T01:20:00-04:00",
		`"2025-09-16 1:20 PM"`:                                        "2025-09-16T13:20:00-05:00",
		`"2025-09-16T01:20:07 pm"`:                                    "2025-09-16T13:20:07-05:00",
		`"2025-09-16 12:00 a.m. EST"`:                                 "2025-09-16T00:00:00-05:00",
		`"2025-09-16 12:00PM UTC"`:                                    "2025-09-16T12:00:00+00:00",
		`"2025-12-16 01:20:00.5 PM"`:                                  "2025-12-16T13:20:00-06:00",
		`"2025/09/16 01:20:00"`:                                       "2025-09-16T01:20:00-05:00",
		`"2025.09.16 01:20:00"`:                                       "2025-09-16T01:20:00-05:00",
		`"16.9.2025 01:20"`:                                           "2025-09-16T01:20:00-05:00",
		`"9/16/2025 1:20 PM"`:                                         "2025-09-16T13:20:00-05:00",
		`"09/16/2025, 1:20:07 PM"`:                                    "2025-09-16T13:20:07-05:00",
		`"9/16/2025 1:20\u202fPM"`:                                    "2025-09-16T13:20:00-05:00",
		`"16-09-2025 13:20"`:                                          "2025-09-16T13:20:00-05:00",
		`"09/09/2025 13:20"`:                                          "2025-09-09T13:20:00-05:00",
		`"2025-09-16 01:20 EDT"`:                                      "2025-09-16T01:20:00-04:00",
		`"2025-09-16T01:20:00 GMT+2"`:                                 "2025-09-16T01:20:00+02:00",
		`"2025-09-16T01:20:00-04:00[America/New_York]"`:               "2025-09-16T01:20:00-04:00",
		`"Tue, 16 Sep 2025 01:20:00 -0400"`:                           "2025-09-16T01:20:00-04:00",
		`"Tue, 16 Sep 2025 01:20:00 GMT"`:                             "2025-09-16T01:20:00+00:00",
		`"Tue, 16 Sep 2025 01:20:00 -0400 (EDT)"`:                     "2025-09-16T01:20:00-04:00",
		`"16 sep 2025 01:20 EDT"`:                                     "2025-09-16T01:20:00-04:00",
		`"Tue Sep 16 2025 01:20:00 GMT-0400 (Eastern Daylight Time)"`: "2025-09-16T01:20:00-04:00",
		`"September 16, 2025 at 1:20 PM"`:                             "2025-09-16T13:20:00-05:00",
		`"Sep 16, 2025, 1:20:07 AM"`:                                  "2025-09-16T01:20:07-05:00",
		`1758000000`:                                                  "2025-09-16T05:20:00+00:00",
		`"1758000000"`:                                                "2025-09-16T05:20:00+00:00",
		`1758000000.75`:                                               "2025-09-16T05:20:00+00:00",
		`1758000000000`:                                               "2025-09-16T05:20:00+00:00",
		`"1758000000000"`:                                             "2025-09-16T05:20:00+00:00",
		`1758000000000000`:                                            "2025-09-16T05:20:00+00:00",
		`1758000000000000000`:                                         "2025-09-16T05:20:00+00:00",
		`1.758e9`:                                                     "2025-09-16T05:20:00+00:00",
		`1.758E+12`:                                                   "2025-09-16T05:20:00+00:00",
		`946684800`:                                                   "2000-01-01T00:00:00+00:00",
	} {
		ev := decode(t, inLead(`"event_type":"call","occured_at":`+given))
		ev.Advertiser, ev.Received = json.RawMessage(`{"time_zone":"America/Chicago"}`), time.Unix(1795449129, 0)
		p := render(t, ev, &lead.Webhook{Format: lead.ADF})
		if got := p.at("requestdate"); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: got %q, want %q", given, got, want)
		}
		if got := p.at("customer/comments")[0]; strings.Contains(got, "Occurred") {
			t.Errorf("%s: got comments %q, want no word of a time that is read", given, got)
		}
	}
}

func TestUnreadableTimesAreShown(t *testing.T) {
	for given, shown := range map[string]string{
		`"yesterday"`: "yesterday", `"24.11.2026"`: "24.11.2026", `"11/23/2026"`: "11/23/2026", `"02/03/2025 10:00"`: "02/03/2025 10:00",
		`"2025-02-30 01:20 AM"`: "2025-02-30 01:20 AM", `"2025-09-16 13:20 PM"`: "2025-09-16 13:20 PM",
		`"2025-09-16 01:20 XYZ"`: "2025-09-16 01:20 XYZ", `"2025-09-16 01:20 +99:00"`: "2025-09-16 01:20 +99:00",
		`"2025-09-16 25:20"`: "2025-09-16 25:20", `17`: "17", `-1758000000`: "-1758000000", `17580000001`: "17580000001", `1e400`: "1e400",
		`99999999999999999999`: "99999999999999999999", `9999999999999999999`: "9999999999999999999",
		`{"date":"2025-09-16"}`: `{"date":"2025-09-16"}`, `["now"]`: "now",

		// no time at all, or one that was never set
		`null`: "", `""`: "", `" "`: "", `false`: "", `0`: "", `"0"`: "", `"0000-00-00 00:00:00"`: "", `"0001-01-01T00:00:00Z"`: "",
		`"1970-01-01T00:00:00Z"`: "", `"1970-01-01T01:00:00+01:00"`: "", `{}`: "", `[]`: "", `"-"`: "",
	} {
		ev := decode(t, inLead(`"event_type":"call","occured_at":`+given))
		ev.Received = time.Unix(1795449129, 0)
		p := render(t, ev, &lead.Webhook{Format: lead.ADF})
		if got, want := p.at("requestdate")[0], "2026-11-23T15:52:09+00:00"; got != want {
			t.Errorf("%s: got %q, want that of the record, %q", given, got, want)
		}
		_, got, _ := strings.Cut(p.at("customer/comments")[0], "New Contact\n")
		if shown != "" {
			shown = "Occurred at: " + shown
		}
		if got != shown {
			t.Errorf("%s: got comments with %q, want %q", given, got, shown)
		}
	}
}

func TestEachUnreadableTimeHasItsName(t *testing.T) {
	ev := decode(t, `{"advertiser_id":"A_1","trigger":"new_contact","published_at":"soon","lead":{"id":1,"event_type":"call",`+
		`"occured_at":"noon","created_at":"later"}}`)
	got := render(t, ev, &lead.Webhook{Format: lead.ADF}).at("customer/comments")[0]
	if want := "\nOccurred at: noon\nCreated at: later\nPublished at: soon"; !strings.HasSuffix(got, want) {
		t.Errorf("got comments %q, want them to end with %q", got, want)
	}
	// What comes after the time that counts is not looked at.
	got = commentsOf(t, `"event_type":"call","occured_at":"2026-11-23T16:12:09Z","created_at":"later"`)
	if strings.Contains(got, "later") {
		t.Errorf("got comments %q, want nothing of a time that does not matter", got)
	}
}

func TestPublishedAtAsANumber(t *testing.T) {
	p := adfOf(t, `{"advertiser_id":"A_1","trigger":"new_contact","published_at":1758000000000,"lead":{"id":1,"event_type":"call"}}`)
	if got := p.at("requestdate"); !slices.Equal(got, []string{"2025-09-16T05:20:00+00:00"}) {
		t.Errorf("got %q, want the time of publishing", got)
	}
}
