package formats

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/jsonscan"
)

// maxComments is the greatest length of the comments, in bytes of UTF-8 before
// escaping.
const maxComments = 16 << 10

// comments collects the facts for which ADF has no element: one a line, each with
// a label that a sales person understands.
type comments struct{ strings.Builder }

// full reports whether further facts would be cut off. A lead may have a hundred
// thousand facts, which should not be collected only to be cut off.
func (c *comments) full() bool { return c.Len() > maxComments+len("\n") }

// add writes a fact, and nothing if it is empty.
func (c *comments) add(label, fact string) {
	if fact != "" {
		c.line(label + ": " + fact)
	}
}

func (c *comments) line(s string) {
	if c.full() {
		return
	}
	c.WriteString(s)
	c.WriteByte('\n')
}

// stray writes a member that should be an object but is something else. Its meaning is
// unknown, but it may be all that the customer said.
func (c *comments) stray(label string, raw []byte) {
	if len(raw) > 0 && raw[0] != '{' {
		c.add(label, shown(raw))
	}
}

// comments returns everything that a sales person may want to know, in a fixed
// order: what may be long comes last, so that it does not cut off the rest.
func (p *prospect) comments() string {
	var c comments
	if p.ev.Test {
		c.line("TEST LEAD")
	}
	c.add("Lead type", kindName(p.ev.Kind, p.about))
	c.add("Event", triggerName(p.ev.Trigger))
	c.WriteString(p.unread.String())
	c.add("Campaign", firstShown(p.about, "campaign_name", "campaign_id", "master_campaign_id"))
	c.call(p.about.raw("call"), p.call)
	for _, number := range p.phones.anonymous {
		c.add("Anonymous caller", number)
	}
	c.contact(p.about, p.contact)
	c.chat(p.about.raw("chat"))
	c.form(p.about.raw("form"), p.form)
	return cut(strings.TrimSuffix(c.String(), "\n"))
}

func (c *comments) call(raw []byte, call object) {
	c.stray("Call", raw)
	c.add("Call duration", duration(call.shown("duration")))
	c.add("Call recording", call.shown("recording_url"))
	c.add("Tracking number", call.shown("dialed_number"))
	c.add("Call forwarded to", call.shown("target_number"))
}

func (c *comments) chat(raw []byte) {
	c.stray("Chat", raw)
	chat := read(raw)
	c.add("Chat summary", chat.shown("summary"))
	c.transcript(chat.raw("transcript"))
}

func (c *comments) transcript(raw []byte) {
	const title = "Chat transcript"
	if len(raw) == 0 || raw[0] != '[' {
		c.add(title, shown(raw))
		return
	}
	titled := false
	for entry := range jsonscan.Elements(raw) {
		if c.full() {
			return
		}
		message := transcriptLine(entry)
		if message == "" {
			continue
		}
		if !titled {
			c.line(title + ":")
			titled = true
		}
		c.line(message)
	}
}

// transcriptLine returns the author and the message of an entry of a transcript, or
// the entry as it is if it has no message.
func transcriptLine(raw []byte) string {
	entry := read(raw)
	from, message := entry.shown("from"), entry.shown("message")
	if entry.raw("message") == nil {
		message = shown(raw)
	}
	if message == "" || from == "" {
		return message
	}
	return from + ": " + message
}

func (c *comments) form(raw []byte, form object) {
	c.stray("Form", raw)
	message, full := form.shown("message"), form.shown("full_message")
	c.add("Subject", form.shown("subject"))
	c.add("Message", message)
	c.fields(form.raw("extra_fields"))
	if full != message {
		c.add("Full message", full)
	}
}

func (c *comments) fields(extra []byte) {
	if !arePairs(extra) {
		c.stray("Other fields", extra)
	}
	for name, value := range formMembers(extra) {
		if c.full() {
			return
		}
		c.add(fieldLabel(name), shown(value))
	}
}

func (c *comments) contact(about, contact object) {
	c.stray("Contact", about.raw("contact"))
	c.add("Notes", about.shown("notes"))
	c.add("Contact notes", contact.shown("notes"))
	c.add("Company", contact.shown("company"))
	c.add("Title", contact.shown("title"))
	c.add("Tags", about.shown("tags"))
	c.add("Contact tags", contact.shown("tags"))
}

// fieldLabel returns the name of a form's field on one line.
func fieldLabel(name []byte) string {
	if s := strings.Join(strings.Fields(clean(string(name))), " "); s != "" {
		return s
	}
	return "Field without name"
}

// firstShown returns the first value that is not empty among those members.
func firstShown(o object, names ...string) string {
	for _, name := range names {
		if s := o.shown(name); s != "" {
			return s
		}
	}
	return ""
}

var kindNames = map[lead.Kind]string{
	lead.KindCall: "Phone call", lead.KindChat: "Chat", lead.KindForm: "Web form", lead.KindEmail: "Email",
}

// kindName returns the readable name of a kind of lead; if the kind is unknown to
// leadhook, the producer's.
func kindName(kind lead.Kind, about object) string {
	if name, ok := kindNames[kind]; ok {
		return name
	}
	return about.text("event_type")
}

func triggerName(t lead.Trigger) string {
	if t == lead.NewContact {
		return "New Lead for New Contact"
	}
	return "New Lead for Existing Contact"
}

// duration formats seconds: both "227" and "03:47" become "3:47". It returns
// anything else unchanged.
func duration(given string) string {
	parts := strings.SplitN(given, ":", 4)
	if len(parts) > 3 {
		return given
	}
	seconds := 0
	for _, part := range parts {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return given
		}
		seconds = seconds*60 + int(n)
	}
	hours, minutes, seconds := seconds/3600, seconds/60%60, seconds%60
	if hours > 0 {
		return fmt.Sprintf("%d:%02d:%02d", hours, minutes, seconds)
	}
	return fmt.Sprintf("%d:%02d", minutes, seconds)
}

// cut truncates the comments if they are too long, and marks that.
func cut(s string) string {
	const marker = "... (truncated)"
	if len(s) <= maxComments {
		return s
	}
	end := maxComments - len(marker)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + marker
}
