package config

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/leadhook/leadhook/webhook/seal"
)

// sealingKeys returns the value of a list of keys. They are shown by their ids.
func sealingKeys(field *[]seal.Key) value {
	return value{kind: "list of keys", list: true, secret: true, set: func(s string) (string, error) {
		keys, err := parseKeys(numbered(s))
		if err != nil {
			return "", err
		}
		*field = keys
		shown := make([]string, len(keys))
		for i, key := range keys {
			shown[i] = key.String()
		}
		return strings.Join(shown, ","), nil
	}}
}

// sealingKeysFile returns the value of a setting that names the file with the keys.
func sealingKeysFile(field *[]seal.Key) value {
	return value{kind: "path", set: func(file string) (string, error) {
		switch {
		case file == "":
			return "", nil
		case len(*field) > 0:
			return "", errTwice
		}
		content, err := readAtMost(file, maxSecret)
		if err != nil {
			return "", err
		}
		keys, err := parseKeys(lines(file, string(content)))
		switch {
		case err != nil:
			return "", err
		case len(keys) == 0:
			return "", fmt.Errorf("%s has no key", file)
		}
		*field = keys
		return file, nil
	}}
}

// numbered yields the elements of a list, each with what a person calls it.
func numbered(list string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		n := 0
		for text := range elements(list) {
			if n++; !yield(fmt.Sprintf("key %d", n), text) {
				return
			}
		}
	}
}

// lines yields the lines of a file that are not empty, each with its place. What
// follows a # is left out: no key has one.
func lines(file, content string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		n := 0
		for line := range strings.Lines(strings.TrimPrefix(content, "\ufeff")) {
			n++
			text, _, _ := strings.Cut(line, "#")
			if text = strings.TrimSpace(text); text != "" && !yield(fmt.Sprintf("%s:%d", file, n), text) {
				return
			}
		}
	}
}

// parseKeys returns the keys with these texts. The error joins the faults of all, each
// with the name of the text and without a word of it.
func parseKeys(texts iter.Seq2[string, string]) ([]seal.Key, error) {
	var keys []seal.Key
	var faults []error
	seen := map[string]string{} // names by the ids of keys
	for name, text := range texts {
		key, err := parseKey(text)
		first, again := seen[key.ID()]
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		case again:
			faults = append(faults, fmt.Errorf("%s: the same key as %s", name, first))
		default:
			seen[key.ID()] = name
			keys = append(keys, key)
		}
	}
	return keys, errors.Join(faults...)
}

func parseKey(text string) (seal.Key, error) {
	if strings.HasPrefix(text, masked) {
		return seal.Key{}, errMasked
	}
	return seal.ParseKey(text)
}
