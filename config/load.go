package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Loaded is a [Config] and what is to be said of it.
type Loaded struct {
	Config   Config
	Settings []Setting // all of them, in the order of docs/settings.md
}

// A Setting is one effective setting, as it may be shown.
type Setting struct {
	Key    string
	Value  string // lists with commas; secrets masked
	Origin string // "default", "file:line:column" or the name of a variable
}

// Load reads the settings: the defaults, over them the YAML file at path, over
// it the LEADHOOK_ variables of environ (as of os.Environ). If path is empty,
// the variable LEADHOOK_CONFIG names the file; if that is empty too, there is
// none. A file that is named and cannot be read is a fault.
//
// The error joins all faults, one a line, each with its place and the key; no
// secret is in it. Load reads the files that settings name (certificates,
// passwords) and opens no connection.
func Load(path string, environ []string) (Loaded, error) {
	var loaded Loaded
	l := newLoader(&loaded.Config)
	variables := variables(environ)
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

// Default returns the settings without a file or a variable.
func Default() Config {
	var c Config
	newLoader(&c).apply()
	return c
}

// A place is where a value was given. The zero place stands for the default.
type place struct {
	file         string
	line, column int    // from 1; zero: the file as a whole
	variable     string // if not from a file
}

func (p place) String() string {
	switch {
	case p.variable != "":
		return p.variable
	case p.line > 0:
		return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.column)
	case p.file != "":
		return p.file
	}
	return "default"
}

type fault struct {
	at   place
	text string
}

func (f fault) Error() string { return f.at.String() + ": " + f.text }

// A loader gathers what is given for each key before any of it is taken: what
// the environment overrides is not read, let alone opened.
type loader struct {
	sections []section
	settings map[string]setting // by key
	groups   map[string]bool    // what keys with dots are nested in
	given    map[string]given   // by key
	faulty   map[string]bool    // keys whose value could not be taken
	faults   []fault
}

type given struct {
	text string
	at   place
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
			for i, r := range s.key {
				if r == '.' {
					l.groups[s.key[:i]] = true
				}
			}
		}
	}
	return l
}

func (l *loader) fault(at place, format string, args ...any) {
	l.faults = append(l.faults, fault{at, fmt.Sprintf(format, args...)})
}

// keyFault is the fault of one key, so that no more is said about that key.
func (l *loader) keyFault(at place, key, what string) {
	l.faulty[key] = true
	l.fault(at, "%s: %s", key, what)
}

// apply takes the defaults and, over them, what was given: where that is at
// fault, the default stays, so that the rules have something to look at.
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
		panic(s.key + " has a default that is at fault: " + err.Error())
	}
	g, ok := l.given[s.key]
	if ok {
		if shown, err = s.value.set(g.text); err != nil {
			l.keyFault(g.at, s.key, err.Error())
		}
	}
	return Setting{s.key, shown, g.at.String()}
}

// A rule is what several settings together must keep.
type rule struct {
	keys []string // the first is the one to blame
	err  error    // nil: it is kept
}

// check reports the rules that are broken, but not those about keys that are
// at fault already: they would only repeat it.
func (l *loader) check(rules []rule) {
	for _, r := range rules {
		if r.err == nil || slices.ContainsFunc(r.keys, func(key string) bool { return l.faulty[key] }) {
			continue
		}
		var at place
		for _, key := range r.keys {
			at = cmp.Or(at, l.given[key].at)
		}
		l.fault(at, "%s: %v", r.keys[0], r.err)
	}
}

// err joins the faults: those of the file in its order, then the others.
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
