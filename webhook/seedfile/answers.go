package seedfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/leadhook/leadhook/lead"
)

// answerFields and ruleFields are the keys of answers, and of a rule in its body.
var (
	answerFields = []string{"body", "delivered", "otherwise", "refused", "retry"}
	ruleFields   = []string{"contains", "empty", "equals", "exists", "id", "in", "matches", "path", "reason", "then"}
)

// readAnswers reads rules for answers. Whether they make sense is checked afterwards.
func (w *webhookReader) readAnswers(node ast.Node) {
	var a lead.Answers
	w.mapping(node, "answers", func(key *token.Token, value ast.Node) bool {
		field := "answers/" + key.Value
		if !slices.Contains(answerFields, key.Value) {
			w.unknown(key, "field of answers", answerFields)
			return true
		}
		if w.isNull(value) {
			return true
		}
		w.positions[field] = w.start(value)
		switch key.Value {
		case "delivered":
			a.Delivered = w.readList(value, field, key.Value, "statuses, such as [2xx, 302]")
		case "retry":
			a.Retry = w.readList(value, field, key.Value, "statuses, such as [423]")
		case "refused":
			a.Refused = w.readList(value, field, key.Value, "statuses, such as [204]")
		case "body":
			a.Body = w.readRules(value, field)
		case "otherwise":
			a.Otherwise, _ = w.text(value, "otherwise")
		}
		return true
	})
	if a.Size() > 0 || len(a.Body) > 0 {
		w.hook.Answers = &a
	}
}

// readList reads a list of single texts.
func (w *webhookReader) readList(node ast.Node, field, name, what string) []string {
	items, ok := w.sequence(node, name+" must be a list of "+what)
	if !ok {
		return nil
	}
	var texts []string
	for i, item := range items {
		w.positions[field+"/"+strconv.Itoa(i)] = w.start(item)
		text, _ := w.single(item, "an entry of "+name)
		texts = append(texts, text)
	}
	return texts
}

func (w *webhookReader) readRules(node ast.Node, field string) []lead.AnswerRule {
	items, ok := w.sequence(node, "body must be a list of rules: each begins with a hyphen")
	if !ok {
		return nil
	}
	var rules []lead.AnswerRule
	for i, item := range items {
		at := field + "/" + strconv.Itoa(i)
		w.positions[at] = w.start(item)
		rules = append(rules, w.readRule(item, at))
	}
	return rules
}

func (w *webhookReader) readRule(node ast.Node, at string) (r lead.AnswerRule) {
	w.mapping(node, "a rule of body", func(key *token.Token, value ast.Node) bool {
		field := at + "/" + key.Value
		w.positions[field] = w.start(value)
		switch name := key.Value; name {
		case "path":
			r.Path, _ = w.text(value, name)
		case "equals":
			if text, ok := w.single(value, name); ok {
				r.Equals = &text
			}
		case "in":
			r.In = w.readList(value, field, name, "texts")
		case "exists":
			r.Exists = w.yesOrNo(value, name)
		case "matches":
			r.Matches, _ = w.text(value, name)
		case "contains":
			r.Contains, _ = w.single(value, name)
		case "empty":
			r.Empty = w.yesOrNo(value, name)
		case "then":
			r.Then, _ = w.text(value, name)
		case "reason":
			r.Reason, _ = w.text(value, name)
		case "id":
			r.ID, _ = w.text(value, name)
		default:
			w.unknown(key, "field of a rule", ruleFields)
		}
		return true
	})
	return r
}

// single reads the text that an answer is compared with: true, false and numbers as they
// are written, since that is how JSON has them too.
func (w *webhookReader) single(node ast.Node, field string) (string, bool) {
	if b, ok := w.value(node).(*ast.BoolNode); ok {
		return b.GetToken().Value, true
	}
	if w.isNull(w.value(node)) {
		w.faults.add(w.start(node), "%s has nothing to compare with: what is null or empty fulfils empty: true", field)
		return "", false
	}
	return w.text(node, field)
}

func (w *webhookReader) yesOrNo(node ast.Node, field string) *bool {
	if w.isNull(node) {
		return nil
	}
	b, ok := w.value(node).(*ast.BoolNode)
	if !ok {
		w.faults.add(w.start(node), "%s must be true or false, without quotes", field)
		return nil
	}
	return &b.Value
}

// AnswersText returns rules for answers as the field of a seed file, in lines that begin
// with indent. Parsed again, they are the same.
func AnswersText(a *lead.Answers, indent string) string {
	var b strings.Builder
	b.WriteString(indent + "answers:\n")
	list := func(name string, entries []string) {
		if len(entries) > 0 {
			fmt.Fprintf(&b, "%s  %s: %s\n", indent, name, flowList(entries))
		}
	}
	list("delivered", a.Delivered)
	list("retry", a.Retry)
	list("refused", a.Refused)
	if len(a.Body) > 0 {
		fmt.Fprintf(&b, "%s  body:\n", indent)
	}
	for i := range a.Body {
		fmt.Fprintf(&b, "%s    - {%s}\n", indent, strings.Join(ruleMembers(&a.Body[i]), ", "))
	}
	if a.Otherwise != "" {
		fmt.Fprintf(&b, "%s  otherwise: %s\n", indent, word(a.Otherwise))
	}
	return b.String()
}

func ruleMembers(r *lead.AnswerRule) []string {
	var members []string
	add := func(name, value string, set bool) {
		if set {
			members = append(members, name+": "+value)
		}
	}
	add("path", word(r.Path), r.Path != "")
	if r.Equals != nil {
		add("equals", word(*r.Equals), true)
	}
	add("in", flowList(r.In), len(r.In) > 0)
	if r.Exists != nil {
		add("exists", strconv.FormatBool(*r.Exists), true)
	}
	add("matches", word(r.Matches), r.Matches != "")
	add("contains", word(r.Contains), r.Contains != "")
	if r.Empty != nil {
		add("empty", strconv.FormatBool(*r.Empty), true)
	}
	add("then", word(r.Then), true)
	add("reason", word(r.Reason), r.Reason != "")
	add("id", word(r.ID), r.ID != "")
	return members
}

func flowList(entries []string) string {
	words := make([]string, len(entries))
	for i, entry := range entries {
		words[i] = word(entry)
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// plainWord is what YAML takes for text without quotes, unless it is one of keywords, and
// what the reader takes as it is written: a status.
var (
	plainWord = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*|[2-5]xx|[2-5][0-9][0-9])$`)
	keywords  = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
)

// word returns a text as YAML has it: every JSON string is one of YAML.
func word(text string) string {
	if plainWord.MatchString(text) && !slices.Contains(keywords, strings.ToLower(text)) {
		return text
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a text can always be encoded
	return strings.TrimSuffix(b.String(), "\n")
}
