package answer_test

import (
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/leadhook/leadhook/dispatch/attempt/answer"
	"github.com/leadhook/leadhook/lead"
)

var bodies = []string{
	``, `{"outcome":"failure","reason":"no"}`, `{"data":[{"code":"SUCCESS","details":{"id":"7"}}]}`, `[[[[`, `{"a":{"b":{"c":null}}}`,
	`<r><a>1</a><b x="y>"><c/>t&lt;<![CDATA[<z>]]><!-- c --></b></r>`, `<?xml version="1.0"?><s:E xmlns:s="u"><s:B/></s:E>`, `<html><br></html>`, "\xef\xbb\xbf{}",
	`{"success":false}`, `<Success>false`, "<a><b></a></b>", `<a b='`, `<!DOCTYPE a><a/>`, `<a>&#x41;&amp;</a>`,
}

// FuzzBody applies rules to any body: nothing may come of it but an outcome that a rule
// names, with bounded words.
func FuzzBody(f *testing.F) {
	for _, body := range bodies {
		f.Add([]byte(body), "a.b", "1")
	}
	f.Fuzz(func(t *testing.T, body []byte, path, text string) {
		rules, faults := answer.Compile(&lead.Answers{
			Body: []lead.AnswerRule{
				{Path: path, Equals: &text, Then: "refused", Reason: path, ID: path},
				{Path: path, Contains: text, Then: "retry", Reason: path, ID: "id"},
				{Path: path, Empty: new(true), Then: "refused"},
				{Path: path, Matches: "^(x+x+)+y", Then: "retry"},
				{Path: path, Exists: new(false), Then: "delivered", Reason: path},
			},
			Otherwise: "refused",
		})
		if len(faults) > 0 {
			return
		}
		got := rules.Body(body, true)
		if got.Outcome == answer.Unruled || got.Rule == "" || len(got.Words) > answer.MaxText || len(got.Record) > answer.MaxText ||
			!utf8.ValidString(got.Words) || strings.ContainsAny(got.Words+got.Record, "\r\n\x00\x1b") {
			t.Errorf("%q, %q: got %+v", body, path, got)
		}
		answer.Doubtful(body)
	})
}

// FuzzXML holds what is found in XML against what encoding/xml finds, in whatever that
// takes.
func FuzzXML(f *testing.F) {
	for _, body := range bodies {
		f.Add(body, "r.a")
		f.Add(body, "E.B")
	}
	f.Fuzz(func(t *testing.T, body, path string) {
		body = strings.TrimSpace(body)
		if !strings.HasPrefix(body, "<") || len(body) > answer.MaxBody {
			return
		}
		want, readable := byEncodingXML(body, strings.Split(path, "."))
		if !readable {
			return
		}
		rules, faults := answer.Compile(&lead.Answers{
			Body: []lead.AnswerRule{{Path: path, Exists: new(true), Then: "refused"}, {Path: path, Exists: new(false), Then: "retry"}},
		})
		if len(faults) > 0 {
			return
		}
		got := rules.Body([]byte(body), true).Outcome
		if found := got == answer.Refused; got == answer.Delivered || found != want {
			t.Errorf("%q in %q: got %v, encoding/xml finds it: %v", path, body, got, want)
		}
	})
}

// byEncodingXML reports whether there is an element at a path, and whether encoding/xml can
// read the text and it is of the kind that package answer reads.
func byEncodingXML(body string, path []string) (found, readable bool) {
	in := xml.NewDecoder(strings.NewReader(body))
	var at []string
	roots := 0
	for {
		token, err := in.Token()
		if err == io.EOF { //nolint:errorlint // it is io.EOF itself
			return found, roots == 1
		}
		if err != nil {
			return false, false
		}
		switch token := token.(type) {
		case xml.StartElement:
			if len(at) == 0 {
				roots++
			}
			at = append(at, token.Name.Local)
			if len(at) > 64 || strings.Contains(token.Name.Local, ":") {
				return false, false
			}
			found = found || slices.Equal(at, path)
		case xml.EndElement:
			at = at[:len(at)-1]
		case xml.CharData:
			if len(at) == 0 && strings.TrimSpace(string(token)) != "" {
				return false, false
			}
		case xml.Directive:
			return false, false
		}
	}
}
