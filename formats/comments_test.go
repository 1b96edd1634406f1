package formats_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func commentsOf(t *testing.T, members string) string {
	t.Helper()
	return adfOf(t, inLead(members)).at("customer/comments")[0]
}

func TestDurations(t *testing.T) {
	for given, want := range map[string]string{
		`227`: "3:47", `"03:47"`: "3:47", `"227"`: "3:47", `"00:03:47"`: "3:47", `" 3:47 "`: "3:47",
		`0`: "0:00", `7`: "0:07", `"0:7"`: "0:07", `60`: "1:00", `3600`: "1:00:00", `"1:02:03"`: "1:02:03", `"90:00"`: "1:30:00",
		`-5`: "-5", `1e3`: "1e3", `"3 min"`: "3 min", `"1:2:3:4"`: "1:2:3:4", `":"`: ":",
		`99999999999999999999`: "99999999999999999999",
		`227.4`:                "227.4", `["227"]`: "3:47", `{"s":1}`: `{"s":1}`,
		`null`: "", `""`: "", `[]`: "",
	} {
		got := commentsOf(t, `"event_type":"call","call":{"duration":`+given+`}`)
		if want != "" {
			want = "Call duration: " + want
		}
		lines := strings.Split(got, "\n")
		if want != "" && !slices.Contains(lines, want) || want == "" && strings.Contains(got, "duration") {
			t.Errorf("duration %s: got %q, want the line %q", given, got, want)
		}
	}
}

func TestExtraFieldsOfAnyValueInOrder(t *testing.T) {
	got := commentsOf(t, `"event_type":"form","form":{"extra_fields":{
		"zeta":"z","alpha":1.50,"big":12345678901234567890123,"yes":true,"no":false,"unknown":null,"blank":"  ","nothing":{},
		"list":["a",2,null,false],"deep":{ "k" : [ 1, {"x":"\u00fc"} ] },"lists":[[1], []],
		"zeta":"again","  two\r\n words ":"a\r\nb\rc","":"x"}}`)
	const want = "zeta: z\nalpha: 1.50\nbig: 12345678901234567890123\nyes: true\nno: false\n" +
		"list: a, 2, false\n" + `deep: {"k":[1,{"x":"\u00fc"}]}` + "\nlists: [[1],[]]\n" +
		"zeta: again\ntwo words: a\nb\nc\nField without name: x"
	if !strings.HasSuffix(got, want) {
		t.Errorf("got  %q\nwant it to end with %q", got, want)
	}
}

func TestTranscripts(t *testing.T) {
	for transcript, want := range map[string]string{
		`[{"from":"A","message":"x"},{"from":"B","message":"y\r\nz"}]`: "Chat transcript:\nA: x\nB: y\nz",
		`[{"message":"x"},{"from":" ","message":"y"}]`:                 "Chat transcript:\nx\ny",
		`[{"from":"A","message":""},{"from":"A","message":null}]`:      "",
		`[{"from":"A","text":"x"},"y",null,7]`:                         "Chat transcript:\nA: {\"from\":\"A\",\"text\":\"x\"}\ny\n7",
		`"A: x"`:                                                       "Chat transcript: A: x",
		`{"from":"A"}`:                                                 `Chat transcript: {"from":"A"}`,
		`[]`:                                                           "", `null`: "", `[null,{}]`: "",
	} {
		got := commentsOf(t, `"event_type":"chat","chat":{"transcript":`+transcript+`}`)
		if _, after, ok := strings.Cut(got, "New Contact\n"); ok != (want != "") || after != want {
			t.Errorf("transcript %s: got %q, want %q at its end", transcript, got, want)
		}
	}
}

// What may be long comes after what a salesperson must not miss, so that it is not what the
// cut leaves out.
func TestNotesComeBeforeWhatIsLong(t *testing.T) {
	long := asJSON(strings.Repeat("word ", 10_000))
	short := `"notes":"N","tags":["T"],"campaign_name":"C","call":{"recording_url":"R"},` +
		`"contact":{"notes":"CN","company":"CO","title":"TI","tags":["CT"],"phone_home":"unknown"},"occured_at":"noon"`
	for name, members := range map[string]string{
		"transcript":   `"chat":{"transcript":[{"from":"A","message":` + long + `}]}`,
		"summary":      `"chat":{"summary":` + long + `}`,
		"message":      `"form":{"message":` + long + `}`,
		"full message": `"form":{"full_message":` + long + `}`,
		"field":        `"form":{"extra_fields":{"x":` + long + `}}`,
	} {
		got := commentsOf(t, `"event_type":"form",`+members+`,`+short)
		for _, line := range []string{"Occurred at: noon", "Campaign: C", "Call recording: R", "Anonymous caller: unknown",
			"Notes: N", "Contact notes: CN", "Company: CO", "Title: TI", "Tags: T", "Contact tags: CT"} {
			if !slices.Contains(strings.Split(got, "\n"), line) {
				t.Errorf("%s: got comments that begin with %.300q, want the line %q in them", name, got, line)
			}
		}
	}
	got := commentsOf(t, `"event_type":"form","form":{"full_message":`+long+`,"message":"M","subject":"S","extra_fields":{"x":"y"}}`)
	if want := "\nSubject: S\nMessage: M\nx: y\nFull message: word"; !strings.Contains(got, want) {
		t.Errorf("got comments that begin with %.300q, want %q in them", got, want)
	}
}

// What should be an object and is not may be all that the customer said.
func TestStrayValuesAreShown(t *testing.T) {
	got := commentsOf(t, `"event_type":"form","call":"c","chat":["d"],"form":"e","contact":"f <g>"`)
	for _, want := range []string{"Call: c", "Chat: d", "Form: e", "Contact: f <g>"} {
		if !slices.Contains(strings.Split(got, "\n"), want) {
			t.Errorf("got %q, want the line %q in it", got, want)
		}
	}
	got = commentsOf(t, `"event_type":"form","form":{"extra_fields":"a=1"}`)
	if !strings.HasSuffix(got, "\nOther fields: a=1") {
		t.Errorf("got %q, want the line of other fields in it", got)
	}
}

func TestFullMessageOnlyIfItSaysMore(t *testing.T) {
	got := commentsOf(t, `"event_type":"form","form":{"message":"a\r\nb","full_message":" a\nb "}`)
	if strings.Contains(got, "Full message") || !strings.HasSuffix(got, "Message: a\nb") {
		t.Errorf("got %q, want the message once", got)
	}
}

func TestCampaign(t *testing.T) {
	for members, want := range map[string]string{
		`"campaign_name":"Spring","campaign_id":1`:     "Campaign: Spring",
		`"campaign_name":"","campaign_id":77012`:       "Campaign: 77012",
		`"campaign_id":null,"master_campaign_id":"55"`: "Campaign: 55",
	} {
		if got := commentsOf(t, `"event_type":"call",`+members); !strings.HasSuffix(got, "\n"+want) {
			t.Errorf("%s: got %q, want %q at its end", members, got, want)
		}
	}
}

func TestTextsSurviveXML(t *testing.T) {
	for given, want := range map[string]string{
		`<Tom> & "Jerry" 'x' ]]> <!-- x -->`:     `<Tom> & "Jerry" 'x' ]]> <!-- x -->`,
		"“curly” naïve Ωmega 漢字 🚗\u0085\u2028.":  "“curly” naïve Ωmega 漢字 🚗\u0085\u2028.",
		"a\r\nb\rc\n\r\nd\te":                    "a\nb\nc\n\nd\te",
		"a\x00b\x08c\x0bd\x1fe\ufffef\uffff.":    "abcdef.",
		"del\x7f nbsp\u00a0 c1\u0080 bom\ufeff.": "del\x7f nbsp\u00a0 c1\u0080 bom\ufeff.",
	} {
		quoted, err := json.Marshal(given)
		if err != nil {
			t.Fatal(err)
		}
		if got := commentsOf(t, `"event_type":"call","notes":`+string(quoted)); !strings.HasSuffix(got, "\nNotes: "+want) {
			t.Errorf("notes %q: got comments %q, want %q at their end", given, got, want)
		}
	}
}

func TestLongCommentsAreCut(t *testing.T) {
	const limit, marker = 16 << 10, "... (truncated)"
	head := len(commentsOf(t, `"event_type":"call","notes":"x"`)) - 1
	for _, tc := range []struct {
		notes string
		cut   bool
	}{
		{strings.Repeat("x", limit-head), false},
		{strings.Repeat("x", limit-head+1), true},
		{strings.Repeat("x", 1<<20), true},
		{strings.Repeat("&", limit-head), false}, // bounded before the escapes
		{strings.Repeat("ü", (limit-head)/2), false},
		{strings.Repeat("🚗", limit), true}, {"x" + strings.Repeat("🚗", limit), true},
		{"xx" + strings.Repeat("🚗", limit), true}, {"xxx" + strings.Repeat("🚗", limit), true},
	} {
		t.Run(fmt.Sprintf("%.10s of %d bytes", tc.notes, len(tc.notes)), func(t *testing.T) {
			got := commentsOf(t, `"event_type":"call","notes":"`+tc.notes+`"`)
			if len(got) > limit || strings.HasSuffix(got, marker) != tc.cut {
				t.Errorf("got %d bytes ending with %q, want at most %d, cut: %v", len(got), got[len(got)-20:], limit, tc.cut)
			}
			if tc.cut && len(got) <= limit-utf8.UTFMax {
				t.Errorf("got %d bytes, want as many as fit into %d", len(got), limit)
			}
			if text := strings.TrimSuffix(got, marker)[head:]; !strings.HasPrefix(tc.notes, text) {
				t.Errorf("got notes ending with %q, want nothing but their beginning", text[max(0, len(text)-20):])
			}
		})
	}
}

// Comments that are just full leave no room for the next fact, and say so.
func TestWhatFollowsFullCommentsIsCutNotLost(t *testing.T) {
	const limit, marker = 16 << 10, "... (truncated)"
	for name, form := range map[string]string{
		"notes":      `"notes":"%s","tags":["x"]`,
		"message":    `"form":{"message":"%s","extra_fields":{"x":"y"}}`,
		"fields":     `"form":{"extra_fields":{"x":"%s","y":"z"}}`,
		"transcript": `"chat":{"transcript":["%s","x"]}`,
	} {
		members := func(n int) string { return `"event_type":"form",` + fmt.Sprintf(form, strings.Repeat("w", n)) }
		alone := strings.NewReplacer(`,"tags":["x"]`, ``, `,"extra_fields":{"x":"y"}`, ``, `,"y":"z"`, ``, `,"x"]`, `]`)
		fits := limit - len(commentsOf(t, alone.Replace(members(1)))) + 1
		if got := commentsOf(t, alone.Replace(members(fits))); len(got) != limit || strings.HasSuffix(got, marker) {
			t.Errorf("%s alone: got %d bytes ending with %q, want %d and no cut", name, len(got), got[len(got)-20:], limit)
		}
		if got := commentsOf(t, members(fits)); len(got) != limit || !strings.HasSuffix(got, marker) {
			t.Errorf("%s and more: got %d bytes ending with %q, want %d and the mark of the cut", name, len(got), got[len(got)-20:], limit)
		}
	}
}
