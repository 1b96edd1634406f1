package samplecrm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"errors"
	"mime"
	"net/http"
	"strings"
)

// A summary is what a person wants to see first of a lead.
type summary struct {
	format string // JSON or ADF
	leadID string
	kind   string // Phone call, Chat, Web form, Email
	name   string // of the contact
	phone  string // the best number
	email  string
	about  string // in a few words; empty if the lead does not say
	test   bool
}

// summarize reads the lead in the body of a POST. The error tells the sender why the
// body is not a lead.
func summarize(p Post) (summary, error) {
	media, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
	var s summary
	var err error
	switch media {
	case "application/json":
		s, err = readJSON(p.Body)
	case "application/xml":
		s, err = readADF(p.Body)
	default:
		err = errors.New("the Content-Type is neither application/json nor application/xml")
	}
	s.test = s.test || isTest(p.Header)
	return s, err
}

func isTest(h http.Header) bool { return h.Get("webhook-test") == "true" }

func readJSON(body []byte) (summary, error) {
	var in struct {
		Lead *struct {
			ID          loose `json:"id"`
			EventType   loose `json:"event_type"`
			DisplayName loose `json:"display_name"`
			Notes       loose `json:"notes"`
			Contact     struct {
				First loose `json:"first_name"`
				Last  loose `json:"last_name"`
				Email loose `json:"email"`

				Mobile loose `json:"phone_mobile"`
				Home   loose `json:"phone_home"`
				Work   loose `json:"phone_work"`
			} `json:"contact"`
			Call struct {
				Caller loose `json:"caller_number"`
			} `json:"call"`
			Chat struct {
				Summary loose `json:"summary"`
			} `json:"chat"`
			Form struct {
				SubType loose `json:"sub_type"`
				Subject loose `json:"subject"`
				Message loose `json:"message"`
			} `json:"form"`
		} `json:"lead"`
	}
	err := json.Unmarshal(body, &in)
	if _, odd := errors.AsType[*json.UnmarshalTypeError](err); err != nil && !odd { // odd: Unmarshal went on after it
		return summary{}, errors.New("the body is not JSON")
	}
	if in.Lead == nil {
		return summary{}, errors.New(`the body has no member "lead"`)
	}
	l := in.Lead
	return summary{
		format: "JSON",
		leadID: string(l.ID),
		kind:   kind(string(l.EventType), string(l.Form.SubType)),
		name:   cmp.Or(strings.TrimSpace(string(l.Contact.First+" "+l.Contact.Last)), string(l.DisplayName)),
		phone:  string(cmp.Or(l.Contact.Mobile, l.Contact.Home, l.Contact.Work, l.Call.Caller)),
		email:  string(l.Contact.Email),
		about:  string(cmp.Or(l.Form.Subject, l.Form.Message, l.Chat.Summary, l.Notes)),
	}, nil
}

func kind(eventType, subType string) string {
	switch {
	case eventType == "call":
		return "Phone call"
	case eventType == "chat":
		return "Chat"
	case eventType == "form" && subType == "FormEmail":
		return "Email"
	case eventType == "form":
		return "Web form"
	}
	return "Lead"
}

// loose decodes a JSON value of any type: a string to its text, null to "", and
// anything else to what was written.
type loose string

func (l *loose) UnmarshalJSON(raw []byte) error {
	var text string
	switch {
	case bytes.Equal(raw, []byte("null")):
	case json.Unmarshal(raw, &text) == nil:
		*l = loose(strings.TrimSpace(text))
	default:
		*l = loose(raw)
	}
	return nil
}

func readADF(body []byte) (summary, error) {
	var in struct {
		XMLName  xml.Name `xml:"adf"`
		Prospect *struct {
			ID      string   `xml:"id"`
			Year    string   `xml:"vehicle>year"`
			Make    string   `xml:"vehicle>make"`
			Model   string   `xml:"vehicle>model"`
			Names   []string `xml:"customer>contact>name"`
			Phones  []string `xml:"customer>contact>phone"`
			Email   string   `xml:"customer>contact>email"`
			Remarks string   `xml:"customer>comments"`
			Service string   `xml:"provider>service"`
		} `xml:"prospect"`
	}
	if err := xml.Unmarshal(body, &in); err != nil || in.Prospect == nil {
		return summary{}, errors.New("the body is not ADF: no adf element with a prospect can be read")
	}
	p := in.Prospect
	remarks, test := strings.CutPrefix(strings.TrimSpace(p.Remarks), "TEST LEAD")
	vehicle := strings.Join(strings.Fields(strings.ReplaceAll(p.Year+" "+p.Make+" "+p.Model, "Unknown", "")), " ")
	return summary{
		format: "ADF",
		leadID: strings.TrimSpace(p.ID),
		kind:   cmp.Or(strings.TrimSpace(p.Service), "Lead"),
		name:   strings.Join(p.Names, " "),
		phone:  cmp.Or(p.Phones...),
		email:  p.Email,
		about:  joined([]string{vehicle, remark(remarks)}, ", "),
		test:   test,
	}, nil
}

// remarkLabels are the labels, in the comments of leadhook's ADF, of lines that say
// what a customer wants, the best first.
var remarkLabels = []string{"Subject", "Message", "Chat summary", "Notes"}

// remark returns the text of the best labelled line of the comments, or "".
func remark(comments string) string {
	for _, label := range remarkLabels {
		for line := range strings.Lines(comments) {
			if text, ok := strings.CutPrefix(line, label+": "); ok {
				return strings.TrimSpace(text)
			}
		}
	}
	return ""
}
