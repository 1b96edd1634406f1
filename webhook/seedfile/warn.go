package seedfile

import (
	"fmt"
	"strings"

	"github.com/leadhook/leadhook/lead"
)

// warningsShown is how many warnings of each kind are shown, so that one kind does not
// hide the others.
const warningsShown = 10

// Warnings returns a line for each thing in seed files that is legal and perhaps
// not meant: plain http, webhooks that are inactive, and leads that would arrive
// twice. The first ten of each kind are named, and the others counted.
func Warnings(files ...[]Entry) []string {
	plain := warnings{more: "webhooks with http URLs"}
	inactive := warnings{more: "inactive webhooks"}
	twice := warnings{more: "webhooks that get the leads of others"}
	firsts := make(map[destination]*Entry)
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

// A destination is what leads of one lead type are sent to.
type destination struct {
	advertiser, url string
	trigger         lead.Trigger
	leadType        string
}

// overlap returns the first other webhook that has a destination of h, and the
// lead types that both take. It enters the destinations that no webhook before h
// has.
func overlap(firsts map[destination]*Entry, h *Entry) (other *Entry, types lead.LeadTypes) {
	w := &h.Webhook
	for _, name := range w.LeadTypes.Names() {
		at := destination{w.Advertiser, w.URL, w.Trigger, name}
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

// warnings are the warnings of one kind.
type warnings struct {
	more  string // what they are about, in the plural
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
