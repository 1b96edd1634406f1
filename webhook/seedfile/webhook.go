package seedfile

import (
	"cmp"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/rules"
)

// A webhookReader reads one webhook of a seed file. It remembers where each field
// stands, so that faults that check finds have a position.
type webhookReader struct {
	*reader
	hook      lead.Webhook
	positions map[string]Position
	faulty    map[string]bool // fields that have a fault already
}

func (r *reader) webhook(node ast.Node) {
	w := &webhookReader{
		reader:    r,
		hook:      lead.Webhook{LeadTypes: lead.AllLeadTypes, Format: lead.JSON},
		positions: make(map[string]Position),
		faulty:    make(map[string]bool),
	}
	before := len(r.faults)
	w.mapping(node, "a webhook", w.field)
	at := r.start(node)
	if len(w.positions) == 0 && len(r.faults) > before {
		return // nothing of it could be read
	}
	w.check(at)
	if w.hook.ID != "" {
		r.add(NewEntry(&w.hook, at))
	}
}

// add keeps a webhook. What is wrong with many of them together is noticed here, so that
// reading ends before it has taken long.
func (r *reader) add(h Entry) {
	r.hooks = append(r.hooks, h)
	if i, taken := r.first[h.ID()]; taken {
		r.faults.repeated(&h, &r.hooks[i])
	} else {
		r.first[h.ID()] = len(r.hooks) - 1
	}
	advertiser := h.Advertiser()
	r.count[advertiser]++
	if r.count[advertiser] > cmp.Or(r.PerAdvertiser, rules.PerAdvertiser)+maxFaults {
		r.ended = true // crowded says why
	}
}

// fields are the keys of a webhook in a seed file, with what reads them.
var fields = map[string]func(*webhookReader, ast.Node){
	"id":              func(w *webhookReader, n ast.Node) { w.readText(n, "id", &w.hook.ID) },
	"advertiser":      func(w *webhookReader, n ast.Node) { w.readText(n, "advertiser", &w.hook.Advertiser) },
	"url":             func(w *webhookReader, n ast.Node) { w.readText(n, "url", &w.hook.URL) },
	"authorization":   func(w *webhookReader, n ast.Node) { w.readSecret(n, "authorization", &w.hook.Authorization) },
	"auth_header":     func(w *webhookReader, n ast.Node) { w.readText(n, "auth_header", &w.hook.AuthHeader) },
	"event":           (*webhookReader).readEvent,
	"lead_types":      (*webhookReader).readLeadTypes,
	"format":          (*webhookReader).readFormat,
	"active":          func(w *webhookReader, n ast.Node) { w.readSwitch(n, "active", &w.hook.Active) },
	"signing_secrets": (*webhookReader).readSigningSecrets,
	"headers":         (*webhookReader).readHeaders,
	"content_type":    func(w *webhookReader, n ast.Node) { w.readText(n, "content_type", &w.hook.ContentType) },
	"client_cert":     func(w *webhookReader, n ast.Node) { w.readSecret(n, "client_cert", &w.hook.ClientCert) },
	"ca":              func(w *webhookReader, n ast.Node) { w.readText(n, "ca", &w.hook.CA) },
	"legacy_tls":      func(w *webhookReader, n ast.Node) { w.readSwitch(n, "legacy_tls", &w.hook.LegacyTLS) },
	"rate":            (*webhookReader).readRate,
	"answers":         (*webhookReader).readAnswers,
	"vendor_name":     func(w *webhookReader, n ast.Node) { w.readText(n, "vendor_name", &w.hook.VendorName) },
	"provider_name":   func(w *webhookReader, n ast.Node) { w.readText(n, "provider_name", &w.hook.ProviderName) },
}

var fieldNames = slices.Sorted(maps.Keys(fields))

// field reads one field. A null leaves the default, as a missing field does.
func (w *webhookReader) field(key *token.Token, value ast.Node) bool {
	name := key.Value
	w.positions[name] = w.at(key)
	read, ok := fields[name]
	if !ok {
		w.unknown(key, "field", fieldNames)
		return true
	}
	if w.isNull(value) {
		return true
	}
	w.positions[name] = w.start(value)
	before := len(w.faults)
	read(w, value)
	w.faulty[name] = len(w.faults) > before
	return true
}

// check adds a fault for each violation of the rules, and for a url that the rules
// accept and the operator's policy refuses.
func (w *webhookReader) check(at Position) {
	urlValid := w.hook.URL != "" && !w.faulty["url"]
	for _, c := range rules.Check(&w.hook) {
		field, _, _ := strings.Cut(c.Field, "/")
		urlValid = urlValid && field != "url"
		if !w.faulty[field] {
			w.faults.add(w.position(c.Field, at), "%s", c.Text)
		}
	}
	if !urlValid || w.CheckURL == nil {
		return
	}
	u, err := url.Parse(w.hook.URL)
	if err == nil {
		err = w.CheckURL(u)
	}
	if err != nil {
		w.faults.add(w.position("url", at), "url: %v", err)
	}
}

// position returns where a field stands. If the file does not have it, it returns where
// the list, map or webhook stands that would contain it.
func (w *webhookReader) position(field string, at Position) Position {
	if p, ok := w.positions[field]; ok {
		return p
	}
	if outer := strings.LastIndexByte(field, '/'); outer >= 0 {
		return w.position(field[:outer], at)
	}
	return at
}

func (w *webhookReader) readText(node ast.Node, field string, to *string) {
	*to, _ = w.text(node, field)
}

func (w *webhookReader) readSecret(node ast.Node, field string, to *lead.Secret) {
	*to = w.secret(node, field)
}

func (w *webhookReader) readEvent(node ast.Node) {
	if _, several := w.value(node).(*ast.SequenceNode); several {
		w.faults.add(w.start(node), "event takes one trigger: for both, make two webhooks")
		return
	}
	text, ok := w.text(node, "event")
	if !ok {
		return
	}
	if w.hook.Trigger, ok = lead.ParseTrigger(text); !ok {
		w.faults.add(w.start(node), "event must be new_contact or existing_contact")
	}
}

func (w *webhookReader) readLeadTypes(node ast.Node) {
	const wanted = "lead_types must be a list of up to three, such as [calls, chats, forms]"
	items, ok := w.sequence(node, wanted)
	if !ok {
		return
	}
	if len(items) > len(lead.AllLeadTypes.Names()) {
		w.faults.add(w.start(node), wanted)
		return
	}
	w.hook.LeadTypes = 0
	for _, item := range items {
		text, ok := w.text(item, "a lead type")
		if !ok {
			continue
		}
		t, known := lead.ParseLeadType(text)
		if !known {
			w.faults.add(w.start(item), "a lead type must be one of calls, chats, forms")
			continue
		}
		w.hook.LeadTypes |= t
	}
}

func (w *webhookReader) readFormat(node ast.Node) {
	text, ok := w.text(node, "format")
	if !ok {
		return
	}
	if w.hook.Format, ok = lead.ParseFormat(text); !ok {
		w.faults.add(w.start(node), "format must be json or adf")
	}
}

func (w *webhookReader) readSwitch(node ast.Node, field string, to *bool) {
	if b := w.yesOrNo(w.value(node), field); b != nil {
		*to = *b
	}
}

func (w *webhookReader) readSigningSecrets(node ast.Node) {
	items, ok := w.sequence(node, "signing_secrets must be a list of one or two secrets")
	if !ok {
		return
	}
	for i, item := range items[:min(len(items), rules.MaxSigningSecrets+1)] {
		w.positions["signing_secrets/"+strconv.Itoa(i)] = w.start(item)
		w.hook.SigningSecrets = append(w.hook.SigningSecrets, w.secret(item, "a signing secret"))
	}
}

func (w *webhookReader) readHeaders(node ast.Node) {
	w.hook.Headers = make(map[string]lead.Secret)
	w.mapping(node, "headers", func(key *token.Token, value ast.Node) bool {
		w.positions["headers/"+key.Value] = w.at(key)
		w.hook.Headers[key.Value] = w.secret(value, "a header's value")
		return len(w.hook.Headers) <= rules.MaxHeaders // one too many is enough for check
	})
}

func (w *webhookReader) readRate(node ast.Node) {
	text, ok := w.text(node, "rate")
	if !ok {
		return
	}
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil || rate == 0 { // zero would be a webhook without a limit
		rate = math.NaN() // which check refuses
	}
	w.hook.Rate = rate
}
