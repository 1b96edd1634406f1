package samplecrm

import (
	"strings"
	"time"
)

// A pageLead is one POST for the page. The texts of strangers are truncated, but not
// cleaned: the page shows them as text.
type pageLead struct {
	Number   int64     `json:"number"` // 1, 2, … in the order of arrival
	At       time.Time `json:"at"`
	Path     string    `json:"path"` // without the query
	Trigger  string    `json:"trigger"`
	Kind     string    `json:"kind"`
	Name     string    `json:"name"`
	Phone    string    `json:"phone"`
	Email    string    `json:"email"`
	About    string    `json:"about"`
	Format   string    `json:"format"`
	LeadID   string    `json:"lead_id"`
	Delivery string    `json:"delivery"`
	Attempt  string    `json:"attempt"`
	Test     bool      `json:"test"`
	Fault    string    `json:"fault"` // why it is not a lead; empty if it is one
	Answer   string    `json:"answer"`
	Taken    bool      `json:"taken"`

	request []byte // see request.go
}

func newPageLead(p Post, s summary, unreadable error, a Answer) pageLead {
	path, _ := p.target()
	l := pageLead{
		At: p.At, Path: path, Trigger: p.Header.Get("webhook-trigger"), Kind: s.kind, Name: s.name, Phone: s.phone, Email: s.email,
		About: s.about, Format: s.format, LeadID: s.leadID, Delivery: p.Header.Get("webhook-id"),
		Attempt: p.Header.Get("webhook-attempt"), Test: s.test, Answer: a.brief(), Taken: a.taken(), request: p.request(),
	}
	if unreadable != nil {
		l.Fault = unreadable.Error()
	}
	for _, text := range []*string{&l.Path, &l.Trigger, &l.Kind, &l.Name, &l.Phone, &l.Email, &l.About, &l.LeadID, &l.Delivery, &l.Attempt} {
		*text = clipped(*text)
	}
	return l
}

// longestText is the longest text that is shown, in bytes.
const longestText = 500

// clipped truncates a text, and copies it so that the text that it is a part of is
// not kept in memory.
func clipped(text string) string {
	if len(text) <= longestText {
		return strings.Clone(text)
	}
	return strings.ToValidUTF8(text[:longestText], "") + "…"
}
