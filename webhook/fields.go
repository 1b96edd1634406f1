package webhook

import (
	"encoding/json"
	"maps"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/entry"
)

// A Field is one field of a webhook, named as in the seed file; a header is
// called headers.NAME. Value is what may be shown of it.
type Field struct{ Name, Value string }

// Fields returns the fields of a webhook that are set, in the order of the docs.
// Unless reveal is set, it masks secrets, the query of the URL, its path behind the first
// segment, and the value of every header except a few that cannot hold a secret.
func Fields(h *lead.Webhook, reveal bool) []Field {
	var list []Field
	add := func(name, value string) {
		if value != "" {
			list = append(list, Field{name, value})
		}
	}
	secret := func(s lead.Secret) string {
		if reveal {
			return s.Reveal()
		}
		return s.String()
	}
	url := h.URL
	if !reveal {
		url = lead.ShownURL(url)
	}
	add("url", url)
	add("authorization", secret(h.Authorization))
	add("auth_header", h.AuthHeader)
	add("event", string(h.Trigger))
	add("lead_types", h.LeadTypes.String())
	add("format", string(h.Format))
	add("active", strconv.FormatBool(h.Active))
	for i, s := range h.SigningSecrets {
		add("signing_secrets."+strconv.Itoa(i+1), secret(s))
	}
	for _, name := range slices.Sorted(maps.Keys(h.Headers)) {
		add("headers."+name, shownHeader(name, h.Headers[name], reveal))
	}
	add("content_type", h.ContentType)
	add("client_cert", secret(h.ClientCert))
	add("ca", shownCA(h.CA, reveal))
	if h.LegacyTLS {
		add("legacy_tls", "true")
	}
	add("rate", shownRate(h.Rate))
	add("answers", shownAnswers(h.Answers))
	add("vendor_name", h.VendorName)
	add("provider_name", h.ProviderName)
	return list
}

// harmless are headers whose values only say what answer is wanted.
var harmless = []string{"Accept", "Accept-Charset", "Accept-Language", "Cache-Control", "Pragma", "Prefer"}

func shownHeader(name string, value lead.Secret, reveal bool) string {
	if reveal || slices.Contains(harmless, textproto.CanonicalMIMEHeaderKey(name)) {
		return value.Reveal()
	}
	return value.String()
}

// shownCA returns how many certificates there are, or themselves: none is a secret, but
// they are long.
func shownCA(ca string, reveal bool) string {
	if ca == "" || reveal {
		return ca
	}
	if n := strings.Count(ca, "-----BEGIN CERTIFICATE-----"); n != 1 {
		return strconv.Itoa(n) + " certificates"
	}
	return "1 certificate"
}

// shownAnswers returns rules for answers in one line, as JSON.
func shownAnswers(a *lead.Answers) string {
	if a == nil {
		return ""
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(a) // cannot fail: there is nothing in it but texts and whether
	return strings.TrimSpace(b.String())
}

func shownRate(rate float64) string {
	if rate == 0 {
		return ""
	}
	return strconv.FormatFloat(rate, 'g', -1, 64)
}

// A FieldChange is a field before and after a change: see [entry.FieldChange].
type FieldChange = entry.FieldChange

// Difference compares all fields of two webhooks, also those that are masked, and
// returns the changes with secrets masked. Nothing is known of a damaged webhook, so
// every field counts as new.
func Difference(before, after *lead.Webhook) []FieldChange {
	if before.Damaged != "" {
		before = &lead.Webhook{}
	}
	was, is := byName(before, true), byName(after, true)
	wasShown, isShown := byName(before, false), byName(after, false)
	var changed []FieldChange
	for _, f := range slices.Concat(Fields(after, true), Fields(before, true)) {
		again := slices.ContainsFunc(changed, func(c FieldChange) bool { return c.Field == f.Name })
		if !again && was[f.Name] != is[f.Name] {
			changed = append(changed, FieldChange{Field: f.Name, Before: wasShown[f.Name], After: isShown[f.Name]})
		}
	}
	return changed
}

func byName(h *lead.Webhook, reveal bool) map[string]string {
	values := make(map[string]string)
	for _, f := range Fields(h, reveal) {
		values[f.Name] = f.Value
	}
	return values
}
