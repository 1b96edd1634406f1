package seedfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/leadhook/leadhook/dispatch/attempt/credentials"
	"github.com/leadhook/leadhook/lead"
)

// warningsShown is how many warnings of each kind are shown, so that one kind does not
// hide the others.
const warningsShown = 10

// Warnings returns a line for each thing in seed files that is legal and perhaps
// not meant: plain http, certificates that have expired, webhooks that are inactive, and leads that would arrive
// twice. The first ten of each kind are named, and the others counted.
func Warnings(files ...[]Entry) []string {
	plain := warnings{more: "webhooks with http URLs"}
	inactive := warnings{more: "inactive webhooks"}
	expired := warnings{more: "webhooks with certificates that have expired"}
	twice := warnings{more: "webhooks that get the leads of others"}
	for _, file := range files {
		for i := range file {
			h := file[i].Webhook()
			if strings.HasPrefix(h.URL, "http:") {
				plain.add(&file[i], "has an http URL: leads, and its secrets, can be read on their way")
			}
			expired.addExpired(&file[i], h)
			if !h.Active {
				inactive.add(&file[i], "is inactive: no leads are sent to it")
			}
		}
	}
	for _, o := range overlaps(files) {
		twice.add(o.entry, "has the URL and event of webhook %q (%s), and takes %s like it: each such lead arrives twice",
			o.other.ID(), o.other.At, strings.ReplaceAll(o.types.String(), ",", ", "))
	}
	return slices.Concat(twice.list(), plain.list(), expired.list(), inactive.list())
}

// An overlap is a webhook to which leads are sent that another one before it gets too.
type overlap struct {
	place        int
	entry, other *Entry
	types        lead.LeadTypes // that both take
}

// overlaps returns the overlaps of active webhooks in the order of the files. A webhook
// that takes leads of several others is told of with the first one.
func overlaps(files [][]Entry) []overlap {
	all := destinations(files)
	slices.SortFunc(all, func(a, b destination) int {
		return cmp.Or(a.compare(&b), cmp.Compare(a.place, b.place))
	})
	var found []overlap
	begin := 0
	for n := range all {
		if all[n].compare(&all[begin]) != 0 {
			begin = n
		}
		if o, ok := firstOverlap(all[begin:n], all[n]); ok {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b overlap) int { return cmp.Compare(a.place, b.place) })
	return found
}

// A destination is where an active webhook sends leads to.
type destination struct {
	advertiser, url string
	trigger         lead.Trigger
	types           lead.LeadTypes
	place           int // in the order of the files
	entry           *Entry
}

func destinations(files [][]Entry) []destination {
	var all []destination
	place := 0
	for _, file := range files {
		all = slices.Grow(all, len(file))
		for i := range file {
			place++
			if h := file[i].Webhook(); h.Active {
				all = append(all, destination{h.Advertiser, h.URL, h.Trigger, h.LeadTypes, place, &file[i]})
			}
		}
	}
	return all
}

// compare orders by what two webhooks must have in common to get the same leads.
func (d *destination) compare(other *destination) int {
	return cmp.Or(strings.Compare(d.advertiser, other.advertiser), strings.Compare(d.url, other.url),
		strings.Compare(string(d.trigger), string(other.trigger)))
}

// firstOverlap returns which of the webhooks before one gets a lead type of it first, and
// all types of which that one was the first.
func firstOverlap(before []destination, d destination) (overlap, bool) {
	o := overlap{place: d.place, entry: d.entry}
	for _, name := range d.types.Names() {
		t, _ := lead.ParseLeadType(name)
		n := slices.IndexFunc(before, func(b destination) bool { return b.types&t != 0 })
		if n < 0 {
			continue
		}
		if o.other == nil {
			o.other = before[n].entry
		}
		if o.other == before[n].entry {
			o.types |= t
		}
	}
	return o, o.other != nil
}

// warnings are the warnings of one kind.
type warnings struct {
	more  string // what they are about, in the plural
	shown []string
	count int
}

func (w *warnings) add(h *Entry, format string, args ...any) {
	if w.count++; w.count <= warningsShown {
		w.shown = append(w.shown, fmt.Sprintf("%s: webhook %q %s", h.At, h.ID(), fmt.Sprintf(format, args...)))
	}
}

// addExpired adds what has expired of a webhook's certificates for TLS.
func (w *warnings) addExpired(e *Entry, h *lead.Webhook) {
	for _, field := range []struct{ name, text string }{{"client_cert", h.ClientCert.Reveal()}, {"ca", h.CA}} {
		if until := credentials.Expired(field.text, time.Now()); !until.IsZero() {
			w.add(e, "has a certificate in %s that expired on %s", field.name, until.UTC().Format(time.DateOnly))
		}
	}
}

func (w *warnings) list() []string {
	if more := w.count - warningsShown; more > 0 {
		return append(w.shown, fmt.Sprintf("and %d more %s", more, w.more))
	}
	return w.shown
}
