package seedfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/seedfile"
)

// contract are the rules for answers with which everything is said that there is.
const contract = `    answers:
      delivered: [2xx, 302, 409]
      retry: [423]
      refused: [204]
      body:
        - {path: outcome, equals: failure, then: refused, reason: reason}
        - {path: data.0.code, in: [SUCCESS, DUPLICATE_DATA, 7, true], then: delivered, id: data.0.details.id}
        - {path: success, equals: false, exists: true, empty: false, then: refused}
        - {contains: "<Success>false", then: refused}
        - {matches: '^OK\b', then: delivered}
        - {empty: true, then: retry}
      otherwise: refused
`

func TestAnswersAreRead(t *testing.T) {
	hooks, err := seedfile.Parse(t.Context(), "seed.yaml", []byte(minimal()+contract), seedfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := &lead.Answers{
		Delivered: []string{"2xx", "302", "409"}, Retry: []string{"423"}, Refused: []string{"204"},
		Body: []lead.AnswerRule{
			{Path: "outcome", Equals: new("failure"), Then: "refused", Reason: "reason"},
			{Path: "data.0.code", In: []string{"SUCCESS", "DUPLICATE_DATA", "7", "true"}, Then: "delivered", ID: "data.0.details.id"},
			{Path: "success", Equals: new("false"), Exists: new(true), Empty: new(false), Then: "refused"},
			{Contains: "<Success>false", Then: "refused"},
			{Matches: `^OK\b`, Then: "delivered"},
			{Empty: new(true), Then: "retry"},
		},
		Otherwise: "refused",
	}
	if diff := cmp.Diff(want, hooks[0].Webhook().Answers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	text := seedfile.AnswersText(want, "    ")
	again, err := seedfile.Parse(t.Context(), "seed.yaml", []byte(minimal()+text), seedfile.Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(want, again[0].Webhook().Answers); diff != "" {
		t.Errorf("written and read again (-want +got):\n%s%s", diff, text)
	}
	for _, line := range []string{"      delivered: [2xx, 302, 409]\n", `- {path: data.0.code, in: [SUCCESS, DUPLICATE_DATA, "7", "true"], then: delivered, id: data.0.details.id}`} {
		if !strings.Contains(text, line) {
			t.Errorf("got\n%swant %s", text, line)
		}
	}
}

func TestNoAnswers(t *testing.T) {
	for _, lines := range []string{"answers: {}", "answers:", "answers: {delivered: [], body: []}", "answers: {body: null}"} {
		hooks, err := seedfile.Parse(t.Context(), "seed.yaml", []byte(minimal(lines)), seedfile.Options{})
		if err != nil || hooks[0].Webhook().Answers != nil {
			t.Errorf("%s: got error %v, want no rules", lines, err)
		}
	}
}

func TestFaultsOfAnswers(t *testing.T) {
	for lines, want := range map[string]string{
		"answers: 7":                                                   "6:14: answers must be a mapping",
		"answers: {deliverd: [2xx]}":                                   `6:15: unknown field of answers "deliverd", did you mean delivered?`,
		"answers: {delivered: 2xx}":                                    "6:26: delivered must be a list of statuses, such as [2xx, 302]",
		"answers: {delivered: [2xx, 99]}":                              "6:32: answers: delivered must list statuses from 200 to 599",
		"answers: {delivered: [2xx], refused: [2xx]}":                  "6:43: answers: 2xx is given twice: it is in delivered",
		"answers: {body: {path: a}}":                                   "6:22: body must be a list of rules",
		"answers: {body: [a]}":                                         "6:22: a rule of body must be a mapping",
		"answers: {body: [{pth: a}]}":                                  `6:23: unknown field of a rule "pth", did you mean path?`,
		"answers: {body: [{path: a, then: refused}]}":                  "6:23: answers: a rule needs a condition",
		"answers: {body: [{path: a, exists: true, then: no}]}":         "6:52: answers: then must be delivered, retry or refused",
		"answers: {body: [{path: a, exists: 'true', then: refused}]}":  "6:40: exists must be true or false, without quotes",
		"answers: {body: [{path: a, equals: null, then: refused}]}":    "6:40: equals has nothing to compare with",
		"answers: {body: [{path: a, equals: [1], then: refused}]}":     "6:40: equals must be text",
		"answers: {body: [{path: a, in: [b, {}], then: refused}]}":     "6:40: an entry of in must be text",
		"answers: {body: [{path: a..b, exists: true, then: refused}]}": "6:29: answers: path must be names or numbers",
		"answers: {body: [{matches: '(', then: refused}]}":             "6:32: answers: matches is no regular expression (RE2): missing closing )",
		"answers: {otherwise: refused}":                                "6:26: answers: otherwise is for answers that no rule of body matches",
		"answers: {body: [{empty: true, then: true}]}":                 "6:42: then must be text",
	} {
		_, err := seedfile.Parse(t.Context(), "seed.yaml", []byte(minimal(lines)), seedfile.Options{})
		if err == nil || !strings.HasPrefix(err.Error(), "seed.yaml:"+want) {
			t.Errorf("%s: got %v, want %s", lines, err, want)
		}
	}
}
