package devstack

import (
	"strings"
	"time"
)

// A received is one POST for the page. What strangers wrote is shortened, not
// cleaned: the page shows it as text.
type received struct {
	Number   int64     `json:"number"` // 1, 2, … as they came
	At       time.Time `json:"at"`
	Path     string    `json:"path"` // without query, as orders have it
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
	Fault    string    `json:"fault"` // why it is no lead; empty: it is one
	Answer   string    `json:"answer"`
	Taken    bool      `json:"taken"`

	request []byte // see request.go
}

func onBoard(p Post, s summary, unreadable error, a Answer) received {
	path, _ := p.target()
	r := received{
		At: p.At, Path: path, Trigger: p.Header.Get("webhook-trigger"), Kind: s.kind, Name: s.name, Phone: s.phone, Email: s.email,
		About: s.about, Format: s.format, LeadID: s.leadID, Delivery: p.Header.Get("webhook-id"),
		Attempt: p.Header.Get("webhook-attempt"), Test: s.test, Answer: a.brief(), Taken: a.taken(), request: p.request(),
	}
	if unreadable != nil {
		r.Fault = unreadable.Error()
	}
	for _, text := range []*string{&r.Path, &r.Trigger, &r.Kind, &r.Name, &r.Phone, &r.Email, &r.About, &r.LeadID, &r.Delivery, &r.Attempt} {
		*text = clipped(*text)
	}
	return r
}

// longestText is how much of a text is shown, in bytes.
const longestText = 500

// clipped keeps a text that a stranger wrote from filling the page, and lets go
// of what it is a part of.
func clipped(text string) string {
	if len(text) <= longestText {
		return strings.Clone(text)
	}
	return strings.ToValidUTF8(text[:longestText], "") + "…"
}
