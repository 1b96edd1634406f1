// Package answer says what a CRM's answer means where its status does not say it: it
// compiles the answer rules of a webhook (lead.Answers), applies them to a status and
// a body, and notices bodies that plainly say failure although there are no rules.
//
// The work is bounded, whatever the body: it is read at most twice, without building
// anything of it. Package answer does not know what follows from an outcome, nor how an
// answer came in.
package answer

import (
	"bytes"
	"regexp"
	"slices"

	"github.com/leadhook/leadhook/lead/jsonscan"
)

// MaxBody is how many bytes of a body rules look at. A longer one matches no rule.
const MaxBody = 64 << 10

// An Outcome is what an answer counts as.
type Outcome uint8

// The outcomes. The zero value means that the rules say nothing: the table of statuses
// that is for all webhooks does.
const (
	Unruled Outcome = iota
	Delivered
	Retry
	Refused
)

func (o Outcome) String() string { return [...]string{"unruled", "delivered", "retry", "refused"}[o] }

// outcomeOf reads an outcome as it is written in a rule.
func outcomeOf(text string) (Outcome, bool) {
	for o := Delivered; o <= Refused; o++ {
		if o.String() == text {
			return o, true
		}
	}
	return Unruled, false
}

// A Meaning is what an answer counts as, by which rule, and what the CRM said.
type Meaning struct {
	Outcome Outcome
	Rule    string // such as "answers.refused (204)" or "answers.body, rule 2"; empty if Outcome is [Unruled]
	Words   string // the CRM's own words, one line of at most [MaxText] bytes; empty if the rule does not say where they are. They may quote the lead
	Record  string // the CRM's id of the lead, likewise
}

// Rules are the compiled answer rules of a webhook. They do not change, and are safe for
// concurrent use. Nil has no rules.
type Rules struct {
	statuses  map[int]status // by status; classes by their first digit
	body      []rule
	paths     jsonscan.Paths // that rules look at
	otherwise Outcome
}

// A status is what a status counts as, with the list entry that says so.
type status struct {
	outcome Outcome
	rule    string
}

// A rule is a rule of the body. Of paths it has the indexes; -1: none.
type rule struct {
	name     string // such as "answers.body, rule 2"
	path     int
	equals   *string
	in       []string
	exists   *bool
	matches  *regexp.Regexp
	contains []byte
	empty    *bool

	then       Outcome
	reason, id int
}

// Status returns what the lists of statuses say about one: a single status before a
// class.
func (r *Rules) Status(code int) Meaning {
	if r == nil {
		return Meaning{}
	}
	s, ok := r.statuses[code]
	if !ok {
		s = r.statuses[code/100]
	}
	return Meaning{Outcome: s.outcome, Rule: s.rule}
}

// WantsBody reports whether there are rules for the body.
func (r *Rules) WantsBody() bool { return r != nil && len(r.body) > 0 }

// Body returns what an answer counts as whose status says delivered. whole reports
// whether all of the body is there: if not, or if it is longer than [MaxBody], no rule
// matches. Without rules for the body the outcome is [Unruled].
func (r *Rules) Body(body []byte, whole bool) Meaning {
	if !r.WantsBody() {
		return Meaning{}
	}
	if whole && len(body) <= MaxBody {
		d := document{body: bytes.TrimSpace(InUTF8(body)), values: make([][]byte, len(r.paths))}
		d.read(r.paths)
		for i := range r.body {
			if rule := &r.body[i]; rule.fulfilled(&d) {
				return Meaning{
					Outcome: rule.then, Rule: rule.name,
					Words: d.line(rule.reason), Record: d.line(rule.id),
				}
			}
		}
	}
	if r.otherwise == Unruled {
		return Meaning{Outcome: Delivered, Rule: "no rule of answers.body"}
	}
	return Meaning{Outcome: r.otherwise, Rule: "answers.otherwise"}
}

// MaxText is the longest text of a [Meaning], in bytes. It is longer than what is kept, so
// that nothing that must be recognised in it is cut in two.
const MaxText = 4 << 10

// fulfilled reports whether all conditions hold.
func (r *rule) fulfilled(d *document) bool {
	if r.path < 0 {
		return r.holdsFor(d.body, len(d.body) == 0)
	}
	if d.kind == other {
		return false
	}
	is := d.values[r.path] != nil
	if r.exists != nil && *r.exists != is {
		return false
	}
	if !is {
		return r.onlyExists()
	}
	text, scalar := d.text(r.path)
	if r.equals != nil && (!scalar || string(text) != *r.equals) || len(r.in) > 0 && (!scalar || !slices.Contains(r.in, string(text))) {
		return false
	}
	return r.holdsFor(text, d.isEmpty(r.path))
}

// onlyExists reports whether a rule has no condition but exists: what is not there
// fulfils no other.
func (r *rule) onlyExists() bool {
	return r.equals == nil && len(r.in) == 0 && r.matches == nil && len(r.contains) == 0 && r.empty == nil
}

// holdsFor checks the conditions that the whole body can have too.
func (r *rule) holdsFor(text []byte, empty bool) bool {
	return (r.empty == nil || *r.empty == empty) &&
		(len(r.contains) == 0 || bytes.Contains(text, r.contains)) &&
		(r.matches == nil || r.matches.Match(text))
}
