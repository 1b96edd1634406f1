package scrub

import (
	"bytes"
	"strings"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/jsonscan"
)

// deepest is deeper than leads are nested. What lies deeper is looked through once, without
// regard to its structure: otherwise that could take very long.
const deepest = 12

const extraFields = ".lead.form.extra_fields"

// addLead adds what is personal in a lead.
func (n *needles) addLead(leadObject []byte) {
	if jsonscan.Valid(leadObject) {
		n.addValue(bytes.TrimSpace(leadObject), ".lead", "", deepest)
	}
}

// addValue adds what is personal in a value of a lead, which has a path and, within the extra
// fields, the name of a field.
func (n *needles) addValue(raw []byte, path, field string, depth int) {
	switch {
	case depth == 0:
		n.addFlat(raw)
	case raw[0] == '{':
		n.addObject(raw, path, field, depth)
	case raw[0] == '[':
		for value := range jsonscan.Elements(raw) {
			n.addValue(value, path, field, depth-1)
		}
	case raw[0] == '"':
		if !lead.Impersonal(path, raw) {
			n.addString(jsonscan.TextBytes(raw), path, field)
		}
	case strings.Contains(path, "phone") || strings.HasSuffix(path, "_number"):
		n.addPhone(raw)
	}
}

func (n *needles) addObject(raw []byte, path, field string, depth int) {
	within := path == extraFields || field != ""
	label := ""
	if within {
		label = labelOf(raw)
	}
	for name, value := range jsonscan.Members(raw) {
		switch {
		case label != "" && string(name) == "name":
		case label != "":
			n.addValue(value, path, label, depth-1)
		case within:
			n.addValue(value, path, string(name), depth-1)
		default:
			n.addValue(value, path+"."+string(name), "", depth-1)
		}
	}
}

// labelOf returns the name of a field that is written as {"name": …, "values": …}.
func labelOf(raw []byte) string {
	var name string
	isPair := false
	for member, value := range jsonscan.Members(raw) {
		switch string(member) {
		case "name":
			name = jsonscan.Text(value)
		case "value", "values":
			isPair = true
		}
	}
	if !isPair {
		return ""
	}
	return name
}

// addString adds a text, by what it is.
func (n *needles) addString(text []byte, path, field string) {
	switch {
	case isNumber(text):
		n.addPhone(text)
	case isName(path, field):
		n.addName(text)
	default:
		n.addText(text)
		if len(text) <= longestPhone {
			n.addPhone(text)
		}
	}
}

const longestPhone = 40 // bytes

func isNumber(text []byte) bool { return len(bytes.Trim(text, "0123456789.")) == 0 }

// isName reports whether there is a person's name at a path, or in a field of a form.
func isName(path, field string) bool {
	switch path {
	case ".lead.display_name", ".lead.contact.first_name", ".lead.contact.last_name":
		return true
	}
	plain := strings.ToLower(field)
	return strings.Contains(plain, "name") && !strings.Contains(plain, "form")
}

// addFlat adds all strings of a value, the names of members too.
func (n *needles) addFlat(raw []byte) {
	for {
		begin := bytes.IndexByte(raw, '"')
		if begin < 0 {
			return
		}
		end := begin + 1
		for raw[end] != '"' {
			if raw[end] == '\\' {
				end++
			}
			end++
		}
		n.addText(jsonscan.TextBytes(raw[begin : end+1]))
		raw = raw[end+1:]
	}
}
