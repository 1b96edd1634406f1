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
func split(text string) ([]piece, bool) {
	if strings.HasPrefix(strings.TrimLeft(text, " \t\n"), "{") {
		return splitJSON(text)
	}
	return splitYAML(text)
}

func splitJSON(text string) ([]piece, bool) {
	decoder := json.NewDecoder(strings.NewReader(text))
	for _, want := range []json.Token{json.Delim('{'), "webhooks", json.Delim('[')} {
		if got, err := decoder.Token(); err != nil || got != want {
			return nil, false
		}
	}
	var pieces []piece
	at := cursor{}
	for decoder.More() {
		var item json.RawMessage
		if err := decoder.Decode(&item); err != nil || item[0] != '{' {
			return nil, false
		}
		end := int(decoder.InputOffset())
		at.move(text, end-len(item))
		pieces = append(pieces, piece{text[end-len(item) : end], at.line, at.column})
	}
	for _, want := range []json.Token{json.Delim(']'), json.Delim('}')} {
		if got, err := decoder.Token(); err != nil || got != want {
			return nil, false
		}
	}
	return pieces, strings.TrimSpace(text[decoder.InputOffset():]) == ""
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
func splitYAML(text string) ([]piece, bool) {
	var starts []int // offsets of the items
	var pieces []piece
	inList, indent, offset, number := false, 0, 0, 0
	for line := range strings.Lines(text) {
		content := strings.TrimLeft(line, " ")
		left := len(line) - len(content)
		switch {
		case strings.TrimSpace(content) == "" || content[0] == '#':
		case !inList && strings.TrimSpace(line) == "---":
		case !inList:
			if inList = left == 0 && isKey(content); !inList {
				return nil, false
			}
		case isItem(content) && (len(starts) == 0 || left == indent):
			indent = left
			starts = append(starts, offset)
			pieces = append(pieces, piece{line: number})
		case len(starts) == 0 || left <= indent:
			return nil, false
		}
		offset += len(line)
		number++
	}
	for i, start := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		pieces[i].text = text[start:end]
	}
	return pieces, len(pieces) > 0
}

func isKey(line string) bool {
	rest, ok := strings.CutPrefix(strings.TrimRight(line, " \n"), "webhooks:")
	return ok && (rest == "" || strings.HasPrefix(strings.TrimLeft(rest, " "), "#") && rest[0] == ' ')
}

func isItem(line string) bool {
	return strings.HasPrefix(line, "- ") || strings.TrimRight(line, " \n") == "-"
}
