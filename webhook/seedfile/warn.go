package seedfile

import (
	"fmt"
	"strings"

	"github.com/leadhook/leadhook/lead"
)

// warningsShown of a kind leave those of the other kinds readable.
const warningsShown = 10

// Warnings says, in a line each, what is legal in seed files and perhaps not
// meant: plain http, webhooks that are inactive, and leads that would arrive
// twice. Of many of a kind the first are named, and the others counted.
func Warnings(files ...[]Entry) []string {
	plain := warnings{more: "webhooks with http URLs"}
	inactive := warnings{more: "inactive webhooks"}
	twice := warnings{more: "webhooks that get the leads of others"}
	firsts := make(map[target]*Entry)
	for _, file := range files {
		for i := range file {
			h := &file[i]
			if strings.HasPrefix(h.Webhook.URL, "http:") {
				plain.add(h, "has an http URL: leads, and its secrets, can be read on their way")
			}
			if !h.Webhook.Active {
				inactive.add(h, "is inactive: no leads are sent to it")
				continue
			}
			if other, types := overlap(firsts, h); other != nil {
				twice.add(h, "has the URL and event of webhook %q (%s), and takes %s like it: each such lead arrives twice",
					other.Webhook.ID, other.At, strings.ReplaceAll(types.String(), ",", ", "))
			}
		}
	}
	return append(append(twice.list(), plain.list()...), inactive.list()...)
}

// A target is where leads of one lead type arrive.
type target struct {
	advertiser, url string
	trigger         lead.Trigger
	leadType        string
}

// overlap finds a webhook with the same targets as h, and enters those that h
// is the first with.
func overlap(firsts map[target]*Entry, h *Entry) (other *Entry, types lead.LeadTypes) {
	w := &h.Webhook
	for _, name := range w.LeadTypes.Names() {
		at := target{w.Advertiser, w.URL, w.Trigger, name}
		first := firsts[at]
		if first == nil {
			firsts[at] = h
			continue
		}
		if other == nil {
			other = first
		}
		if t, _ := lead.ParseLeadType(name); first == other {
			types |= t
		}
	}
	return other, types
}

// warnings are those of a kind.
type warnings struct {
	more  string // what they are about, many of them
	shown []string
	count int
}

func (w *warnings) add(h *Entry, format string, args ...any) {
	if w.count++; w.count <= warningsShown {
		w.shown = append(w.shown, fmt.Sprintf("%s: webhook %q %s", h.At, h.Webhook.ID, fmt.Sprintf(format, args...)))
	}
}

func (w *warnings) list() []string {
	if more := w.count - warningsShown; more > 0 {
		return append(w.shown, fmt.Sprintf("and %d more %s", more, w.more))
	}
	return w.shown
}
