package seedfile

import (
	"errors"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/leadhook/leadhook/lead"
)

// reference matches ${NAME}, which stands for a variable, and $${, which stands for
// ${ itself. A $ without a brace has no meaning.
var reference = regexp.MustCompile(`\$?\$\{([A-Za-z_][A-Za-z0-9_]{0,127}\})?`)

// secret returns the text of a secret, with variables replaced by their values.
func (r *reader) secret(node ast.Node, field string) lead.Secret {
	text, _ := r.text(node, field)
	return lead.Secret(reference.ReplaceAllStringFunc(text, func(match string) string {
		name, named := strings.CutSuffix(strings.TrimPrefix(match, "${"), "}")
		switch {
		case strings.HasPrefix(match, "$$"):
			return match[1:]
		case !named:
			r.faults.add(r.start(node), "%s has ${ without the name of a variable and }: write $${ if ${ itself is meant", field)
			return ""
		}
		value, err := r.variable(name)
		if err != nil {
			r.faults.add(r.start(node), "%s refers to the environment variable %s, %v (write $${ if ${ itself is meant)", field, name, err)
		}
		return value
	}))
}

func (r *reader) variable(name string) (string, error) {
	if r.Variable == nil {
		return "", errors.New("and none is known here")
	}
	return r.Variable(name)
}
