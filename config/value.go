package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/leadhook/leadhook/lead"
)

// A value sets a field of a [Config] from its text in a file or a variable.
type value struct {
	kind    string // what may be written, for a person to read
	list    bool   // several elements, comma separated or as a YAML list
	secret  bool   // it is shown masked, and no fault quotes it
	follows string // the key of the setting that auto is derived from

	// set parses text into the field. It returns the text to show: in its usual
	// spelling and without secrets. An error says what is wrong with the text, or
	// joins several that do; the field is then unchanged.
	set func(text string) (shown string, err error)
}

func (v value) String() string {
	if v.secret {
		return v.kind + "; shown masked"
	}
	return v.kind
}

// of returns the value of a field with functions that parse and format it.
func of[T any](field *T, kind string, parse func(string) (T, error), show func(T) string) value {
	return value{kind: kind, set: func(text string) (string, error) {
		v, err := parse(text)
		if err != nil {
			return "", err
		}
		*field = v
		return show(v), nil
	}}
}

// ranged returns the value of a field with a lower and an upper limit.
func ranged[T cmp.Ordered](
	field *T, kind string, least, most T, parse func(string) (T, error), show func(T) string,
) value {
	kind = fmt.Sprintf("%s, %s to %s", kind, show(least), show(most))
	return of(field, kind, func(text string) (T, error) {
		v, err := parse(text)
		switch {
		case err != nil:
			return v, err
		case v < least:
			return v, fmt.Errorf("%s is too little: want at least %s", text, show(least))
		case v > most:
			return v, fmt.Errorf("%s is too much: want at most %s", text, show(most))
		}
		return v, nil
	}, show)
}

func duration(field *time.Duration, least, most time.Duration) value {
	return ranged(field, "duration", least, most, parseDuration, showDuration)
}

func size(field *int, least, most int) value {
	return ranged(field, "size", least, most, parseSize, showSize)
}

// memory returns a size without an upper limit, since the memory of the machine is
// not known.
func memory(field *int, least int) value {
	v := size(field, least, math.MaxInt)
	v.kind = "size, at least " + showSize(least)
	return v
}

func number(field *int, least, most int) value {
	return ranged(field, "number", least, most, parseNumber, strconv.Itoa)
}

func parseNumber(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	return n, nil
}

func boolean(field *bool) value {
	return of(field, "true or false", func(s string) (bool, error) {
		switch s {
		case "true", "false":
			return s == "true", nil
		}
		return false, fmt.Errorf("%q is neither true nor false", s)
	}, strconv.FormatBool)
}

func choice(field *string, known ...string) value {
	last := len(known) - 1
	kind := strings.Join(known[:last], ", ") + " or " + known[last]
	return of(field, kind, func(s string) (string, error) {
		if !slices.Contains(known, s) {
			return "", fmt.Errorf("%q is not known: want %s", s, kind)
		}
		return s, nil
	}, asIs)
}

// start returns the value of a place in a topic.
func start(field *string) value {
	const kind = "earliest, latest, a time such as 2026-11-30T08:00:00Z, or empty"
	return of(field, kind, func(s string) (string, error) {
		if s == "" || s == "earliest" || s == "latest" {
			return s, nil
		}
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			return "", fmt.Errorf("%q is not known: want %s", s, kind)
		}
		return s, nil
	}, asIs)
}

func text(field *string) value { return of(field, "text", plain, asIs) }

func path(field *string) value { return of(field, "path", plain, asIs) }

func name(field *string) value {
	return of(field, "text, not empty", func(s string) (string, error) {
		if s == "" {
			return "", errors.New("must not be empty")
		}
		return plain(s)
	}, asIs)
}

// topicNames matches the names that Kafka allows, but leaves room for the suffixes
// of the other topics' names.
var topicNames = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,229}$`)

func topic(field *string) value {
	const kind = "letters, digits, . _ and -, not beginning with a dot, at most 230 characters"
	return of(field, kind, func(s string) (string, error) {
		if !topicNames.MatchString(s) {
			return "", fmt.Errorf("%q is not a topic name: want %s", s, kind)
		}
		return s, nil
	}, asIs)
}

// keyPrefixes matches what cannot change the meaning of a key, such as {} in a Cluster.
var keyPrefixes = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func keyPrefix(field *string) value {
	const kind = "letters, digits, . _ and -, 1 to 64 characters"
	return of(field, kind, func(s string) (string, error) {
		if !keyPrefixes.MatchString(s) {
			return "", fmt.Errorf("%q is not a prefix: want %s", s, kind)
		}
		return s, nil
	}, asIs)
}

// variableNames matches the beginning of a variable's name.
var variableNames = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// envPrefix refuses what leadhook's own variables begin with: they have passwords.
func envPrefix(field *string) value {
	const kind = "letters, digits and _, not beginning with a digit, at most 64 characters"
	return of(field, kind, func(s string) (string, error) {
		switch {
		case !variableNames.MatchString(s):
			return "", fmt.Errorf("%q cannot begin the name of a variable: want %s", s, kind)
		case strings.HasPrefix(s, prefix) || strings.HasPrefix(prefix, s):
			return "", fmt.Errorf("%s would allow variables that begin with %s, leadhook's own settings", s, prefix)
		}
		return s, nil
	}, asIs)
}

// secret returns the value of a secret, which can be given only once: by itself, in
// a URL that is set before, or in a file.
func secret(field *lead.Secret) value {
	return value{kind: "text", secret: true, set: func(s string) (string, error) {
		switch {
		case s == "":
			return "", nil
		case s == masked:
			return "", errMasked
		case *field != "":
			return "", errTwice
		case strings.ContainsFunc(s, unicode.IsControl):
			return "", errors.New("it has a line break or another control character")
		}
		*field = lead.Secret(s)
		return masked, nil
	}}
}

// masked is shown in place of every secret.
var masked = lead.Secret("x").String()

var errTwice = errors.New("already given in another way (in a URL, by itself or in a file); keep one of them")

var errMasked = errors.New(masked + " is what is shown in place of a secret, not the secret itself")

// secretFile returns the value of a setting that names the file with a secret.
func secretFile(field *lead.Secret) value {
	return value{kind: "path", set: func(file string) (string, error) {
		switch {
		case file == "":
			return "", nil
		case *field != "":
			return "", errTwice
		}
		content, err := readAtMost(file, maxSecret)
		if err != nil {
			return "", err
		}
		content = bytes.TrimRight(content, "\r\n")
		if len(content) == 0 {
			return "", fmt.Errorf("%s is empty", file)
		}
		*field = lead.Secret(content)
		return file, nil
	}}
}

const maxSecret = 64 << 10 // bytes

// readAtMost reads a file of at most so many bytes. The limit bounds the memory if
// the path leads to a pipe or to the wrong file.
func readAtMost(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(content)) > most {
		err = fmt.Errorf("%s is larger than %s", path, showSize(int(most)))
	}
	return content, err
}

// plain refuses texts that come from careless quoting or copying.
func plain(s string) (string, error) {
	switch {
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", fmt.Errorf("%q has a control character", s)
	case strings.TrimSpace(s) != s:
		return "", fmt.Errorf("%q begins or ends with a blank", s)
	}
	return s, nil
}

func asIs(s string) string { return s }
