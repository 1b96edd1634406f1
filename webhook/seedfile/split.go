package seedfile

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// A piece is the part of a seed file that describes one webhook.
type piece struct {
	text         string
	line, column int // where it begins, from zero
}

// split divides a file into its webhooks if it is a plain list of them, in JSON or
// in YAML's block style, as nearly every file is. So reading a large file takes little
// memory, and a mistake in one webhook does not hide those in the others.
//
// It calls each with every piece until that returns false, and returns how many they are.
// If it is not a plain list, each may have been called with some pieces before that shows:
// so what counts is told by a first call, whose each does nothing.
func split(text string, each func(piece) bool) (count int, ok bool) {
	counting := func(p piece) bool {
		count++
		return each(p)
	}
	if strings.HasPrefix(strings.TrimLeft(text, " \t\n"), "{") {
		ok = splitJSON(text, counting)
	} else {
		ok = splitYAML(text, counting)
	}
	return count, ok
}

func splitJSON(text string, each func(piece) bool) bool {
	decoder := json.NewDecoder(strings.NewReader(text))
	for _, want := range []json.Token{json.Delim('{'), "webhooks", json.Delim('[')} {
		if got, err := decoder.Token(); err != nil || got != want {
			return false
		}
	}
	at := cursor{}
	var item json.RawMessage
	for decoder.More() {
		if err := decoder.Decode(&item); err != nil || item[0] != '{' {
			return false
		}
		end := int(decoder.InputOffset())
		at.move(text, end-len(item))
		if !each(piece{text[end-len(item) : end], at.line, at.column}) {
			return true
		}
	}
	for _, want := range []json.Token{json.Delim(']'), json.Delim('}')} {
		if got, err := decoder.Token(); err != nil || got != want {
			return false
		}
	}
	return strings.TrimSpace(text[decoder.InputOffset():]) == ""
}

// A cursor is an offset in a text, in lines and columns from zero.
type cursor struct{ offset, line, column int }

func (c *cursor) move(text string, to int) {
	passed := text[c.offset:to]
	if n := strings.Count(passed, "\n"); n > 0 {
		c.line, c.column = c.line+n, 0
		passed = passed[strings.LastIndexByte(passed, '\n')+1:]
	}
	c.column += utf8.RuneCountInString(passed)
	c.offset = to
}

// splitYAML relies on YAML 1.2 §8.2.1: everything that belongs to an item of a
// list is further to the right than the item's hyphen.
func splitYAML(text string, each func(piece) bool) bool {
	inList, indent, offset, number := false, 0, 0, 0
	start, last := -1, piece{} // of the item that is being read; no item yet
	for line := range strings.Lines(text) {
		content := strings.TrimLeft(line, " ")
		left := len(line) - len(content)
		switch {
		case strings.TrimSpace(content) == "" || content[0] == '#':
		case !inList && strings.TrimSpace(line) == "---":
		case !inList:
			if inList = left == 0 && isKey(content); !inList {
				return false
			}
		case isItem(content) && (start < 0 || left == indent):
			if last.text = text[max(start, 0):offset]; start >= 0 && !each(last) {
				return true
			}
			indent, start, last.line = left, offset, number
		case start < 0 || left <= indent:
			return false
		}
		offset += len(line)
		number++
	}
	if start < 0 {
		return false
	}
	last.text = text[start:]
	each(last)
	return true
}

func isKey(line string) bool {
	rest, ok := strings.CutPrefix(strings.TrimRight(line, " \n"), "webhooks:")
	return ok && (rest == "" || strings.HasPrefix(strings.TrimLeft(rest, " "), "#") && rest[0] == ' ')
}

func isItem(line string) bool {
	return strings.HasPrefix(line, "- ") || strings.TrimRight(line, " \n") == "-"
}
