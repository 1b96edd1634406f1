package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// fileVariable is the variable that names the settings file.
const fileVariable = prefix + "CONFIG"

// ownVariables returns the variables of leadhook. If a name is there more than
// once, the last one counts, as in os/exec.
func ownVariables(environ []string) map[string]string {
	own := map[string]string{}
	for _, entry := range environ {
		if name, text, ok := strings.Cut(entry, "="); ok && strings.HasPrefix(name, prefix) {
			own[name] = text
		}
	}
	return own
}

// readVariables collects the values given in variables. A variable that is set but
// empty gives the value "", so that it can override a value of the file.
func (l *loader) readVariables(variables map[string]string) {
	keys := map[string]string{fileVariable: ""}
	for key, s := range l.settings {
		keys[s.variable()] = key
	}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		key, known := keys[name]
		at := origin{variable: printable(name)}
		switch {
		case known && key != "":
			l.given[key] = given{variables[name], at}
		case !known && !fromKubernetes(name, variables[name]):
			l.fault(at, "unknown variable%s", suggestion(name, maps.Keys(keys)))
		}
	}
}

// printable replaces line breaks and other characters that would spoil the line of
// a fault, in a variable's name, which can be anything.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, name)
}

// serviceLinks matches the variables that Kubernetes sets in each pod for a service
// whose name is leadhook or begins with it, such as leadhook-admin.
var serviceLinks = regexp.MustCompile(
	`_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

func fromKubernetes(name, text string) bool {
	return serviceLinks.MatchString(name) || strings.HasSuffix(name, "_PORT") && strings.Contains(text, "://")
}
