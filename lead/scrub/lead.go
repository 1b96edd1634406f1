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

const (
	extraFields = ".lead.form.extra_fields"
	sender      = ".lead.chat.transcript.from"
)

// roles are what stands in place of the name of who wrote a line of a chat.
var roles = map[string]bool{
	"agent": true, "bot": true, "client": true, "contact": true, "customer": true, "guest": true, "lead": true,
	"operator": true, "system": true, "user": true, "visitor": true,
}

// addLead adds what is personal in a lead.
func (n *needles) addLead(leadObject []byte) {
	if jsonscan.Valid(leadObject) {
		n.addValue(bytes.TrimSpace(leadObject), ".lead", "", deepest)
	}
}

// addValue adds what is personal in a value of a lead, which has a path and, within the extra
// fields, the name of a field, behind those that it lies in.
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
	case lead.Impersonal(path, raw), path == sender && roles[strings.ToLower(jsonscan.Text(raw))]:
	case raw[0] == '"':
		n.addString(jsonscan.TextBytes(raw), path, field)
	case isNumberOfPerson(path + "." + field):
		n.addPhone(raw)
	}
}

func (n *needles) addObject(raw []byte, path, field string, depth int) {
	within := path == extraFields || field != ""
	label := ""
	if within {
		label = labelOf(raw)
	}
	below := func(name string) string { return strings.TrimPrefix(field+"."+name, ".") }
	for name, value := range jsonscan.Members(raw) {
		switch {
		case label != "" && string(name) == "name":
		case label != "":
			n.addValue(value, path, below(label), depth-1)
		case within:
			n.addValue(value, path, below(string(name)), depth-1)
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
		n.addMailbox(text)
	}
}

// addMailbox adds what stands before the @ of an e-mail address: many CRMs have it as the name
// of a user.
func (n *needles) addMailbox(text []byte) {
	if mailbox, _, ok := bytes.Cut(text, []byte("@")); ok && len(mailbox) <= longestMailbox && bytes.IndexByte(mailbox, ' ') < 0 {
		mailbox, _, _ = bytes.Cut(mailbox, []byte("+"))
		n.addText(mailbox)
	}
}

const longestMailbox = 64 // bytes

const longestPhone = 40 // bytes

// isNumberOfPerson reports whether a number at a path, or in a field of a form, is a phone
// number, or another one by which a person is known.
func isNumberOfPerson(place string) bool {
	place = strings.ToLower(place)
	for _, word := range []string{
		"phone", "mobil", "cell", "celul", "tel", "fax", "whatsapp", "sms", "call", "number", "numero", "nummer",
		"birth", "dob", "ssn", "social", "passport", "licen", "account", "iban", "card", "tax", "post", "zip",
	} {
		if strings.Contains(place, word) {
			return true
		}
	}
	return false
}

func isNumber(text []byte) bool { return len(bytes.Trim(text, "0123456789.")) == 0 }

// isName reports whether there is a person's name at a path, or in a field of a form.
func isName(path, field string) bool {
	switch path {
	case ".lead.display_name", sender:
		return true
	}
	if inContact, ok := strings.CutPrefix(path, ".lead.contact."); ok {
		field = inContact
	}
	for part := range strings.SplitSeq(strings.ToLower(field), ".") {
		if strings.Contains(part, "name") && !strings.Contains(part, "form") {
			return true
		}
	}
	return false
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
