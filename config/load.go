package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Loaded is a [Config] with the origin of each setting.
type Loaded struct {
	Config   Config
	Settings []Setting // all settings, in the order of docs/settings.md
}

// A Setting is one effective setting, in a form that may be shown.
type Setting struct {
	Key    string
	Value  string // lists with commas; secrets masked
	Origin string // "default", "derived from memory" or another setting, "file:line:column" or the name of a variable
}

// Load reads the settings. The YAML file at path overrides the defaults, and the
// LEADHOOK_ variables in environ (as returned by os.Environ) override the file.
// If path is empty, the variable LEADHOOK_CONFIG names the file; if that is empty
// too, no file is read. It is an error if a named file cannot be read.
//
// The error joins all faults, one a line, each with its origin and key. It
// contains no secret. Load reads the files that settings name (certificates,
// passwords), but opens no connection.
func Load(path string, environ []string) (Loaded, error) {
	var loaded Loaded
	l := newLoader(&loaded.Config)
	variables := ownVariables(environ)
	if path = cmp.Or(path, variables[fileVariable]); path != "" {
		l.readFile(path)
	}
	l.readVariables(variables)
	loaded.Settings = l.apply()
	l.check(rules(&loaded.Config))
	if err := l.err(); err != nil {
		return Loaded{}, err
	}
	return loaded, nil
}

// Default returns the settings without any file or variable.
func Default() Config {
	var c Config
	newLoader(&c).apply()
	return c
}

// An origin is where a value was given. The zero origin stands for the default.
type origin struct {
	file         string
	line, column int    // from 1; zero: the file as a whole
	variable     string // empty if it was given in a file
}

func (o origin) String() string {
	switch {
	case o.variable != "":
		return o.variable
	case o.line > 0:
		return fmt.Sprintf("%s:%d:%d", o.file, o.line, o.column)
	case o.file != "":
		return o.file
	}
	return "default"
}

// A fault is one error in the settings.
type fault struct {
	at   origin
	text string
}

func (f fault) Error() string { return f.at.String() + ": " + f.text }

// A loader collects the texts given for all keys before it parses any. So a value
// that a variable overrides is never parsed, and a file that it names is never
// opened.
type loader struct {
	sections []section
	settings map[string]setting // by key
	groups   map[string]bool    // the names in front of the dots of keys
	given    map[string]given   // by key
	faulty   map[string]bool    // keys whose value could not be used
	faults   []fault
}

// A given value is one that has not been parsed yet.
type given struct {
	text string
	at   origin
}

func newLoader(c *Config) *loader {
	l := &loader{
		sections: sections(c),
		settings: map[string]setting{},
		groups:   map[string]bool{},
		given:    map[string]given{},
		faulty:   map[string]bool{},
	}
	for _, sec := range l.sections {
		for _, s := range sec.settings {
			l.settings[s.key] = s
			l.addGroups(s.key)
		}
	}
	return l
}

// addGroups adds the groups in which a key is nested.
func (l *loader) addGroups(key string) {
	for i, r := range key {
		if r == '.' {
			l.groups[key[:i]] = true
		}
	}
}

func (l *loader) fault(at origin, format string, args ...any) {
	l.faults = append(l.faults, fault{at, fmt.Sprintf(format, args...)})
}

// keyFault adds a fault of one key, about which the rules then report no other.
func (l *loader) keyFault(at origin, key, what string) {
	l.faulty[key] = true
	l.fault(at, "%s: %s", key, what)
}

// apply sets the defaults and then the given values. A key with a faulty value
// keeps its default, so that the rules have a value to check.
func (l *loader) apply() []Setting {
	var all []Setting
	for _, sec := range l.sections {
		for _, s := range sec.settings {
			all = append(all, l.applyOne(s))
		}
	}
	return all
}

func (l *loader) applyOne(s setting) Setting {
	shown, err := s.value.set(s.def)
	if err != nil {
		panic(s.key + " has a faulty default: " + err.Error())
	}
	g, ok := l.given[s.key]
	if !ok && s.def == auto {
		return Setting{s.key, shown, "derived from " + s.value.follows}
	}
	if ok {
		shown, err = s.value.set(g.text)
		for _, one := range each(err) {
			l.keyFault(g.at, s.key, one.Error())
		}
	}
	return Setting{s.key, shown, g.at.String()}
}

// each returns the errors that err joins, err alone if it joins none, and nothing
// for nil.
func each(err error) []error {
	type joined interface {
		error
		Unwrap() []error
	}
	if err == nil {
		return nil
	}
	if all, ok := errors.AsType[joined](err); ok {
		return all.Unwrap()
	}
	return []error{err}
}

// A rule is a condition on several settings together.
type rule struct {
	keys []string // the fault is reported for the first one
	err  error    // nil if the condition holds
}

// check adds a fault for each broken rule, except for rules about keys that have
// a fault already.
func (l *loader) check(rules []rule) {
	for _, r := range rules {
		if r.err == nil || slices.ContainsFunc(r.keys, func(key string) bool { return l.faulty[key] }) {
			continue
		}
		var at origin
		for _, key := range r.keys {
			at = cmp.Or(at, l.given[key].at)
		}
		l.fault(at, "%s: %v", r.keys[0], r.err)
	}
}

// err joins the faults: first those of the file, from its beginning to its end,
// then the others.
func (l *loader) err() error {
	slices.SortStableFunc(l.faults, func(a, b fault) int {
		return cmp.Or(
			strings.Compare(a.at.variable, b.at.variable),
			cmp.Compare(a.at.line, b.at.line),
			cmp.Compare(a.at.column, b.at.column),
		)
	})
	errs := make([]error, len(l.faults))
	for i, f := range l.faults {
		errs[i] = f
	}
	return errors.Join(errs...)
}
