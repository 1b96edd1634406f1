package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// fileVariable names the settings file.
const fileVariable = prefix + "CONFIG"

// variables are those of leadhook; of two with one name the last counts, as
// os/exec has it.
func variables(environ []string) map[string]string {
	ours := map[string]string{}
	for _, entry := range environ {
		if name, text, ok := strings.Cut(entry, "="); ok && strings.HasPrefix(name, prefix) {
			ours[name] = text
		}
	}
	return ours
}

// readVariables takes a variable that is set to nothing as the value "", not
// as a variable that is not set: so a file's value can be taken back.
func (l *loader) readVariables(variables map[string]string) {
	keys := map[string]string{fileVariable: ""}
	for key, s := range l.settings {
		keys[s.variable()] = key
	}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		key, known := keys[name]
		at := place{variable: printable(name)}
		switch {
		case known && key != "":
			l.given[key] = given{variables[name], at}
		case !known && !fromKubernetes(name, variables[name]):
			l.fault(at, "unknown variable%s", suggestion(name, maps.Keys(keys)))
		}
	}
}

// printable keeps a stranger's name on the one line of its fault.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, name)
}

// serviceLinks are the variables that Kubernetes sets in each pod for a
// service that is named leadhook, or leadhook-admin, and so on.
var serviceLinks = regexp.MustCompile(
	`_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

func fromKubernetes(name, text string) bool {
	return serviceLinks.MatchString(name) || strings.HasSuffix(name, "_PORT") && strings.Contains(text, "://")
}
