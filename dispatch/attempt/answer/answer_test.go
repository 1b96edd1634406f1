package answer_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/dispatch/attempt/answer"
	"github.com/leadhook/leadhook/lead"
)

func compiled(t testing.TB, a lead.Answers) *answer.Rules {
	t.Helper()
	rules, faults := answer.Compile(&a)
	if len(faults) > 0 {
		t.Fatalf("got faults %v, want none", faults)
	}
	return rules
}

func TestStatus(t *testing.T) {
	rules := compiled(t, lead.Answers{
		Delivered: []string{"2xx", "302", "409"}, Retry: []string{"423", "4XX"}, Refused: []string{"204", "500"},
	})
	for code, want := range map[int]answer.Meaning{
		200: {Outcome: answer.Delivered, Rule: "answers.delivered (2xx)"},
		302: {Outcome: answer.Delivered, Rule: "answers.delivered (302)"},
		204: {Outcome: answer.Refused, Rule: "answers.refused (204)"}, // a single one before its class
		409: {Outcome: answer.Delivered, Rule: "answers.delivered (409)"},
		423: {Outcome: answer.Retry, Rule: "answers.retry (423)"},
		404: {Outcome: answer.Retry, Rule: "answers.retry (4XX)"},
		500: {Outcome: answer.Refused, Rule: "answers.refused (500)"},
		301: {}, 503: {}, 101: {}, 999: {},
	} {
		if got := rules.Status(code); got != want {
			t.Errorf("%d: got %+v, want %+v", code, got, want)
		}
	}
	var none *answer.Rules
	if got := none.Status(200); got != (answer.Meaning{}) || none.WantsBody() || none.Body([]byte("x"), true) != (answer.Meaning{}) {
		t.Errorf("without rules: got %+v, want nothing", got)
	}
}

// when is a rule that counts as refused.
func when(r lead.AnswerRule) lead.AnswerRule {
	r.Then = "refused"
	return r
}

func TestConditions(t *testing.T) {
	const soap = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
		`<s:Fault><faultcode>s:Client</faultcode><faultstring>Postal &lt;missing&gt; <![CDATA[& wanted]]></faultstring></s:Fault></s:Body></s:Envelope>`
	for _, c := range []struct {
		name string
		rule lead.AnswerRule
		body string
		want bool
	}{
		{"equals", lead.AnswerRule{Path: "outcome", Equals: new("failure")}, `{"outcome":"failure","reason":"no"}`, true},
		{"equals another", lead.AnswerRule{Path: "outcome", Equals: new("failure")}, `{"outcome":"success"}`, false},
		{"equals false", lead.AnswerRule{Path: "success", Equals: new("false")}, `{"success":false}`, true},
		{"equals in another case", lead.AnswerRule{Path: "success", Equals: new("false")}, `{"success":"False"}`, false},
		{"equals a text like it", lead.AnswerRule{Path: "success", Equals: new("false")}, `{"success":"false"}`, true},
		{"equals a number", lead.AnswerRule{Path: "code", Equals: new("4010")}, `{"code":4010}`, true},
		{"equals nothing", lead.AnswerRule{Path: "code", Equals: new("")}, `{"code":" "}`, true},
		{"equals an object", lead.AnswerRule{Path: "code", Equals: new("{}")}, `{"code":{}}`, false},
		{"equals what has escapes", lead.AnswerRule{Path: "code", Equals: new("é/")}, `{"code":"\u00e9\/"}`, true},
		{"equals where there is nothing", lead.AnswerRule{Path: "code", Equals: new("")}, `{"other":1}`, false},
		{"equals in a list", lead.AnswerRule{Path: "data.0.code", Equals: new("INVALID")}, `{"data":[{"code":"INVALID"}]}`, true},
		{"in", lead.AnswerRule{Path: "c", In: []string{"a", "b"}}, `{"c":"b"}`, true},
		{"not in", lead.AnswerRule{Path: "c", In: []string{"a", "b"}}, `{"c":"ab"}`, false},
		{"exists", lead.AnswerRule{Path: "error", Exists: new(true)}, `{"error":null}`, true},
		{"exists, but does not", lead.AnswerRule{Path: "error", Exists: new(true)}, `{"no":1}`, false},
		{"does not exist", lead.AnswerRule{Path: "id", Exists: new(false)}, `{"no":1}`, true},
		{"does not exist, but does", lead.AnswerRule{Path: "id", Exists: new(false)}, `{"id":1}`, false},
		{"does not exist in what cannot be read", lead.AnswerRule{Path: "id", Exists: new(false)}, `{"no":1`, false},
		{"does not exist in what is neither", lead.AnswerRule{Path: "id", Exists: new(false)}, `thanks`, false},
		{"matches", lead.AnswerRule{Path: "m", Matches: `^dup(licate)?\b`}, `{"m":"dup of 7"}`, true},
		{"does not match", lead.AnswerRule{Path: "m", Matches: `^dup`}, `{"m":"a dup"}`, false},
		{"the body matches", lead.AnswerRule{Matches: `(?i)error:\s+\d+`}, "Error:  17", true},
		{"contains", lead.AnswerRule{Contains: "<Success>false"}, "<a><Success>false</Success>", true},
		{"does not contain", lead.AnswerRule{Contains: "<Success>false"}, "<a><success>false</success></a>", false},
		{"contains at a path", lead.AnswerRule{Path: "m", Contains: "no"}, `{"m":"a no b","x":"yes"}`, true},
		{"contains elsewhere", lead.AnswerRule{Path: "m", Contains: "yes"}, `{"m":"a no b","x":"yes"}`, false},
		{"contains in an object", lead.AnswerRule{Path: "errors", Contains: `"postal"`}, `{"errors":{"postal":["missing"]}}`, true},
		{"empty", lead.AnswerRule{Empty: new(true)}, "", true},
		{"blank", lead.AnswerRule{Empty: new(true)}, "\ufeff \r\n", true},
		{"not empty, but should", lead.AnswerRule{Empty: new(true)}, "x", false},
		{"not empty", lead.AnswerRule{Empty: new(false)}, "x", true},
		{"empty list", lead.AnswerRule{Path: "errors", Empty: new(true)}, `{"errors":[ ]}`, true},
		{"null", lead.AnswerRule{Path: "errors", Empty: new(true)}, `{"errors":null}`, true},
		{"list that is not empty", lead.AnswerRule{Path: "errors", Empty: new(false)}, `{"errors":["x"]}`, true},
		{"nothing is not empty", lead.AnswerRule{Path: "errors", Empty: new(true)}, `{"x":1}`, false},
		{"two conditions", lead.AnswerRule{Path: "m", Contains: "a", Matches: "b$"}, `{"m":"ab"}`, true},
		{"two conditions, one holds", lead.AnswerRule{Path: "m", Contains: "a", Matches: "b$"}, `{"m":"abc"}`, false},
		{"byte order mark", lead.AnswerRule{Path: "a", Equals: new("1")}, "\ufeff{\"a\":1}", true},
		{"warning before JSON", lead.AnswerRule{Path: "a", Equals: new("1")}, `<b>Warning</b>{"a":1}`, false},
		{"list", lead.AnswerRule{Path: "0.a", Equals: new("1")}, ` [{"a":1}]`, true},
		{"XML", lead.AnswerRule{Path: "Envelope.Body.Fault", Exists: new(true)}, soap, true},
		{"XML, text", lead.AnswerRule{Path: "Envelope.Body.Fault.faultstring", Equals: new("Postal <missing> & wanted")}, soap, true},
		{"XML, text of all within", lead.AnswerRule{Path: "Envelope.Body.Fault", Contains: "ClientPostal"}, soap, true},
		{"XML, no such element", lead.AnswerRule{Path: "Envelope.Body.Fault", Exists: new(false)}, "<Envelope><Body/></Envelope>", true},
		{"XML, empty element", lead.AnswerRule{Path: "r.e", Empty: new(true)}, "<r><e/></r>", true},
		{"XML, the first one", lead.AnswerRule{Path: "r.e", Equals: new("1")}, "<r><e>1</e><e>2</e></r>", true},
		{"XML, in the second of the same name", lead.AnswerRule{Path: "r.e.f", Equals: new("2")}, "<r><e>1</e><e><f>2</f></e></r>", true},
		{"XML, not closed", lead.AnswerRule{Path: "r.e", Equals: new("1")}, "<r><e>1</e>", false},
		{"XML, closed wrongly", lead.AnswerRule{Path: "r.e", Equals: new("1")}, "<r><e>1</r></e>", false},
		{"XML, a name in a comment", lead.AnswerRule{Path: "r.e", Exists: new(true)}, "<r><!-- <e>1</e> --></r>", false},
		{"XML, > in an attribute", lead.AnswerRule{Path: "r.e", Equals: new("1")}, `<r a="/>"><e b='>'>1</e></r>`, true},
		{"XML, DOCTYPE", lead.AnswerRule{Path: "html.p", Equals: new("1")}, "<!DOCTYPE html><html><p>1</p></html>", true},
		{"XML, declarations", lead.AnswerRule{Path: "r", Exists: new(true)}, `<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>`, false},
		{"XML, too deep", lead.AnswerRule{Path: "r", Exists: new(true)}, strings.Repeat("<r>", 65) + strings.Repeat("</r>", 65), false},
		{"not all there", lead.AnswerRule{Contains: "x"}, strings.Repeat("x", answer.MaxBody+1), false},
		{"as long as is read", lead.AnswerRule{Contains: "x"}, strings.Repeat("x", answer.MaxBody), true},
	} {
		rules := compiled(t, lead.Answers{Body: []lead.AnswerRule{when(c.rule)}})
		want := answer.Meaning{Outcome: answer.Delivered, Rule: "no rule of answers.body"}
		if c.want {
			want = answer.Meaning{Outcome: answer.Refused, Rule: "answers.body, rule 1"}
		}
		if got := rules.Body([]byte(c.body), true); got != want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, want)
		}
		if got := rules.Body([]byte(c.body), false); got.Outcome != answer.Delivered {
			t.Errorf("%s, cut short: got %+v, want that no rule matches", c.name, got)
		}
	}
}

func TestTheFirstRuleThatMatchesCounts(t *testing.T) {
	rules := compiled(t, lead.Answers{
		Body: []lead.AnswerRule{
			{Path: "outcome", Equals: new("failure"), Then: "refused", Reason: "reason"},
			{Path: "data.0.code", In: []string{"SUCCESS", "DUPLICATE_DATA"}, Then: "delivered", ID: "data.0.details.id"},
			{Path: "data.0.code", Equals: new("TOO_MANY"), Then: "retry", Reason: "data.0"},
			{Contains: "SUCCESS", Then: "retry"},
		},
		Otherwise: "refused",
	})
	for body, want := range map[string]answer.Meaning{
		`{"outcome":"failure","reason":"The field postal\n is required","data":[{"code":"SUCCESS"}]}`: {answer.Refused, "answers.body, rule 1", "The field postal is required", ""},
		`{"data":[{"code":"SUCCESS","details":{"id":"5725767000000524157"}}]}`:                        {answer.Delivered, "answers.body, rule 2", "", "5725767000000524157"},
		`{"data":[{"code":"DUPLICATE_DATA","details":{"id":17}}]}`:                                    {answer.Delivered, "answers.body, rule 2", "", "17"},
		`{"data":[{"code": "TOO_MANY"}]}`:                                                             {answer.Retry, "answers.body, rule 3", `{"code":"TOO_MANY"}`, ""},
		`{"x":"SUCCESS"}`:                                                                             {answer.Retry, "answers.body, rule 4", "", ""},
		`{"outcome":"fine"}`:                                                                          {answer.Refused, "answers.otherwise", "", ""},
		``:                                                                                            {answer.Refused, "answers.otherwise", "", ""},
	} {
		if got := rules.Body([]byte(body), true); got != want {
			t.Errorf("%s: got %+v, want %+v", body, got, want)
		}
	}
}

func TestWordsAreBounded(t *testing.T) {
	rules := compiled(t, lead.Answers{Body: []lead.AnswerRule{{Path: "e", Exists: new(true), Then: "refused", Reason: "e", ID: "i"}}})
	got := rules.Body([]byte(`{"e":"\u0000`+strings.Repeat("é ", 2000)+`","i":"`+strings.Repeat("ä", 3000)+`"}`), true)
	if len(got.Words) > answer.MaxText || len(got.Words) < answer.MaxText-3 || !strings.HasPrefix(got.Words, "é é ") || len(got.Record) != answer.MaxText {
		t.Errorf("got %d and %d bytes: %q, %q", len(got.Words), len(got.Record), got.Words, got.Record)
	}
}

func TestFaults(t *testing.T) {
	const condition = "x"
	many := make([]string, 65)
	for _, c := range []struct {
		name    string
		answers lead.Answers
		want    []answer.Fault
	}{
		{"nothing", lead.Answers{}, nil},
		{"statuses", lead.Answers{Delivered: []string{"2xx", "ok", "199", "600", "1xx", "0200", "-200", "xx", ""}},
			[]answer.Fault{
				{"delivered/1", "delivered must list statuses from 200 to 599"}, {"delivered/2", "delivered must list"}, {"delivered/3", "delivered must list"},
				{"delivered/4", "delivered must list"}, {"delivered/5", "delivered must list"}, {"delivered/6", "delivered must list"},
				{"delivered/7", "delivered must list"}, {"delivered/8", "delivered must list"},
			}},
		{"a status twice", lead.Answers{Delivered: []string{"2xx", "204"}, Refused: []string{"204"}, Retry: []string{"2XX"}},
			[]answer.Fault{{"retry/0", "2XX is given twice: it is in delivered"}, {"refused/0", "204 is given twice: it is in delivered"}}},
		{"statuses without end", lead.Answers{Retry: many}, []answer.Fault{{"retry", "retry has 65 statuses"}}},
		{"then", lead.Answers{Body: []lead.AnswerRule{{Contains: condition}, {Contains: condition, Then: "accepted"}}},
			[]answer.Fault{{"body/0", "a rule needs then"}, {"body/1/then", "then must be delivered, retry or refused"}}},
		{"otherwise", lead.Answers{Otherwise: "no"},
			[]answer.Fault{{"otherwise", "otherwise must be"}, {"otherwise", "there is no body"}}},
		{"no condition", lead.Answers{Body: []lead.AnswerRule{{Path: "a", Then: "refused"}}}, []answer.Fault{{"body/0", "a rule needs a condition"}}},
		{"no path", lead.Answers{Body: []lead.AnswerRule{{Equals: new("a"), In: []string{"b"}, Exists: new(true), Then: "refused"}}},
			[]answer.Fault{{"body/0/equals", "equals needs a path"}, {"body/0/in", "in needs a path"}, {"body/0/exists", "exists needs a path"}}},
		{"paths", lead.Answers{Body: []lead.AnswerRule{{Path: "a..b", Exists: new(true), Then: "refused", Reason: ".", ID: strings.Repeat("a.", 16) + "a"}}},
			[]answer.Fault{{"body/0/path", "path must be names or numbers"}, {"body/0/reason", "reason must be"}, {"body/0/id", "id has 17 steps"}}},
		{"pattern", lead.Answers{Body: []lead.AnswerRule{{Matches: "a(", Then: "refused"}}},
			[]answer.Fault{{"body/0/matches", "matches is no regular expression (RE2): missing closing )"}}},
		{"look-behind", lead.Answers{Body: []lead.AnswerRule{{Matches: "(?<=a)b", Then: "refused"}}}, []answer.Fault{{"body/0/matches", "matches is no regular"}}},
		{"patterns that are large together", lead.Answers{Body: []lead.AnswerRule{{Matches: "a{200}", Then: "refused"}, {Matches: "b{200}", Then: "refused"}}},
			[]answer.Fault{{"body", "the patterns of matches are too large"}}},
		{"never", lead.Answers{Body: []lead.AnswerRule{{Path: "a", Exists: new(false), Empty: new(true), Then: "refused"}}},
			[]answer.Fault{{"body/0/exists", "would never match"}}},
		{"in without end", lead.Answers{Body: []lead.AnswerRule{{Path: "a", In: many, Then: "refused"}}}, []answer.Fault{{"body/0/in", "in has 65 texts"}}},
		{"rules without end", lead.Answers{Body: make([]lead.AnswerRule, 21)}, []answer.Fault{{"body", "body has 21 rules, at most 20"}}},
	} {
		rules, got := answer.Compile(&c.answers)
		begins := cmp.Comparer(func(a, b answer.Fault) bool {
			return a.Where == b.Where && (strings.Contains(a.Text, b.Text) || strings.Contains(b.Text, a.Text))
		})
		if diff := cmp.Diff(c.want, got, begins); diff != "" || (rules == nil) != (len(got) > 0) {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestDoubt(t *testing.T) {
	for body, want := range map[string]bool{
		`{"success":false}`: true, `{"success": false, "message":"no"}`: true, "{\"Success\" :\r\n \"False\"}": true, `{"data":{},"status":"error"}`: true,
		`{"status":"Error"}`: true, `[{"success":true},{"success":false}]`: true, "1f\r\n{\"success\":false}\r\n0\r\n\r\n": true,
		`<Response><Success>false</Success></Response>`: true, `<a:success> FALSE</a:success>`: true, `<s:Envelope><s:Body><s:Fault>`: true,
		`<?xml version="1.0"?><soap:Envelope xmlns:soap="x"><soap:Body><soap:Fault xmlns:soap="x">`: true, `<Fault/>`: true, "\ufeff <r><Fault>": true,
		"<br />\n<b>Warning</b>:  Undefined key in <b>/lead.php</b><br />\n{\"success\":false}": true,
		`{"code":1,"records":[{"status":"Rejected"}]}`:                                          true, `{"status":"failed"}`: true, `<html><body>The requested URL was rejected. Please`: true,
		`<html><script src="/_Incapsula_Resource?SWJIYLWA=1"></script>`: true, `<p>{"status":"ok"}`: false, `<p>`: false,
		``: false, `ok`: false, `{"success":true}`: false, `{"status":"ok"}`: false, `{"success":falsehood}`: false, `{"unsuccess":false}`: false,
		`{"status":"error_free"}`: false, `{"status":"errors"}`: false, `{"text":"success\": false"}`: false, `"success": false`: false,
		`<Success>true</Success>`: false, `</Success>false`: false, `<Default>x</Default>`: false, `<NoFault/>`: false, `<a>Fault </a>`: false, `<Faults/>`: false,
		`{"success"`: false, `{"success":`: false, `{"success":f`: false, `<Success>`: false, `<`: false, `<Fault`: true, // all that came
		"\xff\xfe{\x00\"\x00s\x00u\x00c\x00c\x00e\x00s\x00s\x00\"\x00:\x00f\x00a\x00l\x00s\x00e\x00}\x00": true,
		"\x00<\x00F\x00a\x00u\x00l\x00t\x00>": true, "\xfe\xff\x00<\x00F\x00a\x00u\x00l\x00t\x00>": true, "<Fault>\x00": true,
		`{"lead":"` + strings.Repeat("x", 2000) + `","success":false}`: false, // not at the beginning
	} {
		if got := answer.Doubtful([]byte(body)); got != want {
			t.Errorf("%.80q: got doubt %v, want %v", body, got, want)
		}
	}
}
