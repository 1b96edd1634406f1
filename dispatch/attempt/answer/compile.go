package answer

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/jsonscan"
)

// Limits of the rules of a webhook, so that applying them costs little whatever a body is.
const (
	MaxRules    = 20 // of the body
	MaxStatuses = 64 // in each list
	MaxIn       = 64 // texts of one in
	MaxSteps    = 16 // of a path

	// MaxPattern is how many steps the program of all patterns of a webhook may have
	// together. For each byte of a body each of them may have to be looked at.
	MaxPattern = 250
)

// A Fault is what is wrong with answer rules. Where is the member, such as "refused/0" or
// "body/2/then".
type Fault struct{ Where, Text string }

// Compile compiles the answer rules of a webhook, or returns all that is wrong with them.
// Without any it returns nil.
func Compile(a *lead.Answers) (*Rules, []Fault) {
	if a == nil {
		return nil, nil
	}
	c := compiler{rules: &Rules{statuses: make(map[int]status)}}
	c.statuses("delivered", a.Delivered, Delivered)
	c.statuses("retry", a.Retry, Retry)
	c.statuses("refused", a.Refused, Refused)
	if len(a.Body) > MaxRules {
		c.fault("body", "body has %d rules, at most %d are allowed", len(a.Body), MaxRules)
		return nil, c.faults
	}
	for i := range a.Body {
		c.rules.body = append(c.rules.body, c.rule(i, &a.Body[i]))
	}
	if c.pattern > MaxPattern {
		c.fault("body", "the patterns of matches are too large: together they have %d steps, at most %d are allowed", c.pattern, MaxPattern)
	}
	if a.Otherwise != "" {
		c.rules.otherwise = c.outcome("otherwise", "otherwise", a.Otherwise)
		if len(a.Body) == 0 {
			c.fault("otherwise", "otherwise is for answers that no rule of body matches, and there is no body")
		}
	}
	if len(c.faults) > 0 {
		return nil, c.faults
	}
	return c.rules, nil
}

type compiler struct {
	rules   *Rules
	pattern int // steps of the patterns so far
	faults  []Fault
}

func (c *compiler) fault(where, format string, args ...any) {
	c.faults = append(c.faults, Fault{where, fmt.Sprintf(format, args...)})
}

// statuses adds a list of statuses.
func (c *compiler) statuses(list string, entries []string, o Outcome) {
	if len(entries) > MaxStatuses {
		c.fault(list, "%s has %d statuses, at most %d are allowed", list, len(entries), MaxStatuses)
		return
	}
	for i, entry := range entries {
		where := fmt.Sprintf("%s/%d", list, i)
		code, ok := statusOf(entry)
		if !ok {
			c.fault(where, "%s must list statuses from 200 to 599, single ones such as 302, or all of a kind such as 2xx", list)
			continue
		}
		if before, taken := c.rules.statuses[code]; taken {
			c.fault(where, "%s is given twice: it is in %s", entry, before.outcome)
			continue
		}
		c.rules.statuses[code] = status{o, fmt.Sprintf("answers.%s (%s)", list, entry)}
	}
}

// statusOf reads a status, or the first digit of a class such as 2xx.
func statusOf(entry string) (int, bool) {
	class, isClass := strings.CutSuffix(strings.ToLower(entry), "xx")
	n, err := strconv.Atoi(class)
	if err != nil || strconv.Itoa(n) != class {
		return 0, false
	}
	if isClass {
		return n, n >= 2 && n <= 5
	}
	return n, n >= 200 && n <= 599
}

func (c *compiler) outcome(where, member, text string) Outcome {
	o, ok := outcomeOf(text)
	if !ok {
		c.fault(where, "%s must be delivered, retry or refused", member)
	}
	return o
}

// rule compiles a rule of the body.
func (c *compiler) rule(i int, r *lead.AnswerRule) rule {
	where := fmt.Sprintf("body/%d", i)
	compiled := rule{
		name:   fmt.Sprintf("answers.body, rule %d", i+1),
		path:   c.path(where+"/path", "path", r.Path),
		equals: r.Equals, in: r.In, exists: r.Exists, contains: []byte(r.Contains), empty: r.Empty,
		matches: c.regexp(where+"/matches", r.Matches),
		reason:  c.path(where+"/reason", "reason", r.Reason),
		id:      c.path(where+"/id", "id", r.ID),
	}
	if r.Then == "" {
		c.fault(where, "a rule needs then: delivered, retry or refused")
	} else {
		compiled.then = c.outcome(where+"/then", "then", r.Then)
	}
	c.conditions(where, r)
	return compiled
}

// conditions checks that a rule has conditions, and that they fit together.
func (c *compiler) conditions(where string, r *lead.AnswerRule) {
	needPath := map[string]bool{"equals": r.Equals != nil, "in": len(r.In) > 0, "exists": r.Exists != nil}
	some := r.Matches != "" || r.Contains != "" || r.Empty != nil
	for _, name := range []string{"equals", "in", "exists"} {
		if some = some || needPath[name]; needPath[name] && r.Path == "" {
			c.fault(where+"/"+name, "%s needs a path: what should it look at?", name)
		}
	}
	if !some {
		c.fault(where, "a rule needs a condition: equals, in, exists, matches, contains or empty")
	}
	if len(r.In) > MaxIn {
		c.fault(where+"/in", "in has %d texts, at most %d are allowed", len(r.In), MaxIn)
	}
	if r.Exists != nil && !*r.Exists && (r.Equals != nil || len(r.In) > 0 || r.Matches != "" || r.Contains != "" || r.Empty != nil) {
		c.fault(where+"/exists", "what does not exist fulfils no other condition: the rule would never match")
	}
	for _, text := range append([]string{r.Contains}, r.In...) {
		if !utf8.ValidString(text) {
			c.fault(where, "a text is not valid UTF-8")
		}
	}
}

// path returns the index of a path, -1 if it is empty. Rules share paths.
func (c *compiler) path(where, member, text string) int {
	if text == "" {
		return -1
	}
	steps := strings.Split(text, ".")
	switch {
	case !utf8.ValidString(text):
		c.fault(where, "%s is not valid UTF-8", member)
	case slices.Contains(steps, ""):
		c.fault(where, "%s must be names or numbers with a dot between two of them, such as data.0.code", member)
	case len(steps) > MaxSteps:
		c.fault(where, "%s has %d steps, at most %d are allowed", member, len(steps), MaxSteps)
	}
	for i, known := range c.rules.paths {
		if slices.Equal(known, steps) {
			return i
		}
	}
	c.rules.paths = append(c.rules.paths, steps)
	return len(c.rules.paths) - 1
}

// MaxRules rules with three paths each are within what is looked for at once.
var _ [jsonscan.MaxPaths - 3*MaxRules]struct{}

func (c *compiler) regexp(where, pattern string) *regexp.Regexp {
	if pattern == "" {
		return nil
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		c.fault(where, "matches is no regular expression (RE2): %v", explainPattern(err))
		return nil
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		c.fault(where, "matches is no regular expression (RE2)")
		return nil
	}
	if c.pattern += len(program.Inst); c.pattern > MaxPattern {
		return nil
	}
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		c.fault(where, "matches is no regular expression (RE2)")
	}
	return compiled
}

// explainPattern returns what is wrong with a pattern without quoting it.
func explainPattern(err error) string {
	if wrong, ok := errors.AsType[*syntax.Error](err); ok {
		return wrong.Code.String()
	}
	return "it cannot be read"
}
