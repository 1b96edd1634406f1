package lead

// Answers say what a webhook's CRM means by its answers, where that is not what the
// status says. They have the same form in a seed file, in the stored record and in
// the output of commands. Whether they make sense is not known here: package answer
// compiles them, and finds what is wrong.
type Answers struct {
	// The statuses, such as 302, or 2xx for all that begin with a 2, that count as
	// delivered, as to be tried again, and as refused.
	Delivered []string `json:"delivered,omitempty"`
	Retry     []string `json:"retry,omitempty"`
	Refused   []string `json:"refused,omitempty"`

	// Body is looked at once the status says delivered. The first rule that matches
	// counts; if none does, Otherwise. Empty: delivered.
	Body      []AnswerRule `json:"body,omitempty"`
	Otherwise string       `json:"otherwise,omitempty"`
}

// An AnswerRule says what an answer counts as whose body fulfils all of its conditions.
type AnswerRule struct {
	// Path is a place in a body of JSON (names of members and indexes, joined with
	// dots) or XML (names of elements). Empty: the conditions are about the whole body.
	Path string `json:"path,omitempty"`

	// The conditions; those that are not set do not count.
	Equals   *string  `json:"equals,omitempty"`
	In       []string `json:"in,omitempty"`
	Exists   *bool    `json:"exists,omitempty"`
	Matches  string   `json:"matches,omitempty"` // a regular expression (RE2)
	Contains string   `json:"contains,omitempty"`
	Empty    *bool    `json:"empty,omitempty"`

	Then   string `json:"then"`             // delivered, retry or refused
	Reason string `json:"reason,omitempty"` // the path of the CRM's own words
	ID     string `json:"id,omitempty"`     // the path of the CRM's id of the lead
}

// Size returns how many bytes all texts of the answers have together. It is 0 for nil.
func (a *Answers) Size() int {
	if a == nil {
		return 0
	}
	n := len(a.Otherwise)
	for _, list := range [][]string{a.Delivered, a.Retry, a.Refused} {
		n += sizeOf(list)
	}
	for i := range a.Body {
		r := &a.Body[i]
		n += len(r.Path) + sizeOf(r.In) + len(r.Matches) + len(r.Contains) + len(r.Then) + len(r.Reason) + len(r.ID)
		if r.Equals != nil {
			n += len(*r.Equals)
		}
	}
	return n
}

func sizeOf(texts []string) int {
	n := 0
	for _, text := range texts {
		n += len(text)
	}
	return n
}
