package config

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// Write writes the effective settings as a settings file, each with its origin in
// a comment. Secrets are masked; [Load] refuses a mask.
func (l Loaded) Write(w io.Writer) error {
	var o outline
	settings := newLoader(&Config{}).settings
	for _, s := range l.Settings {
		indent, name := o.enter(s.Key)
		fmt.Fprintf(&o, "%s%s: %s  # %s\n", indent, name, yamlValue(s.Value, settings[s.Key].value.list), s.Origin)
	}
	_, err := o.WriteTo(w)
	return err
}

// WriteDefaults writes a settings file of all defaults, each with its meaning, its
// possible values, and the variable that overrides it.
func WriteDefaults(w io.Writer) error {
	var o outline
	o.comment("", "All settings of leadhook with their defaults. A file needs only those that differ."+
		" The variable that is named with each setting overrides the file.")
	o.comment("", notation)
	for _, sec := range sections(&Config{}) {
		o.WriteByte('\n')
		o.comment("", sec.meaning)
		for i, s := range sec.settings {
			if i > 0 {
				o.WriteByte('\n')
			}
			indent, name := o.enter(s.key)
			o.comment(indent, s.meaning)
			o.comment(indent, s.variable()+": "+s.value.String())
			fmt.Fprintf(&o, "%s%s: %s\n", indent, name, yamlValue(s.def, s.value.list))
		}
	}
	_, err := o.WriteTo(w)
	return err
}

// notation describes how values of some kinds are written.
const notation = "Durations are written 500ms, 10s, 1h30m or 7d; sizes 64KiB, 10MB or, in bytes, 4096;" +
	" lists [a, b] in a file and a,b in a variable."

// An outline builds a settings file of nested groups.
type outline struct {
	bytes.Buffer
	groups []string // of the last key
}

// enter writes the names of the groups that key is in and the last key was not. It
// returns the indent and the name for the key's own line.
func (o *outline) enter(key string) (indent, name string) {
	const step = "  "
	path := strings.Split(key, ".")
	groups, name := path[:len(path)-1], path[len(path)-1]
	same := 0
	for same < min(len(groups), len(o.groups)) && groups[same] == o.groups[same] {
		same++
	}
	for depth := same; depth < len(groups); depth++ {
		fmt.Fprintf(o, "%s%s:\n", strings.Repeat(step, depth), groups[depth])
	}
	o.groups = groups
	return strings.Repeat(step, len(groups)), name
}

// comment writes text in lines of about 90 columns.
func (o *outline) comment(indent, text string) {
	const width = 90
	line := indent + "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width {
			o.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + word
	}
	o.WriteString(line + "\n")
}

// unquoted matches texts that need no quotes. YAML may read such a text as a number
// or a boolean, but the loader keeps the text.
var unquoted = regexp.MustCompile(`^[A-Za-z0-9/][A-Za-z0-9_./:+-]*[A-Za-z0-9_./+-]$|^[A-Za-z0-9]$`)

func yamlValue(text string, list bool) string {
	if !list {
		return yamlScalar(text)
	}
	var elements []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			elements = append(elements, yamlScalar(part))
		}
	}
	return "[" + strings.Join(elements, ", ") + "]"
}

// yamlScalar quotes text if necessary. YAML 1.2 can read Go's quoting.
func yamlScalar(text string) string {
	if unquoted.MatchString(text) && !strings.EqualFold(text, "null") {
		return text
	}
	return strconv.Quote(text)
}
