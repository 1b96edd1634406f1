// Package rules checks whether a webhook is valid, regardless of what an operator
// allows. The same rules apply to a seed file, to every change of a webhook and to a
// stored record.
//
// It does not know where a webhook comes from or is stored, nor the operator's policy
// for addresses; what rules for answers may be is known by package answer.
package rules

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/leadhook/leadhook/dispatch/attempt/answer"
	"github.com/leadhook/leadhook/lead"
)

// Limits of a webhook, so that each of its fields is bounded.
const (
	MaxHeaders        = 32
	MaxHeaderBytes    = 16 << 10 // of all extra headers: their names and values, nothing between them
	MaxSigningSecrets = 2

	// MaxBytes is the most that the texts of a webhook have together: names, values and
	// secrets. An advertiser's webhooks are kept in one record, which has not room for a
	// hundred of this size: whoever writes the record checks it.
	MaxBytes = 32 << 10

	maxWebhookID = 128 // characters
	minKeyBytes  = 24  // of a signing secret, decoded
	maxKeyBytes  = 64
	maxText      = 8 << 10 // bytes of every other text
)

// PerAdvertiser is how many webhooks an advertiser may have unless the operator sets
// another number. Whoever adds webhooks checks it; [Check] looks at a single one.
const PerAdvertiser = 100

// A Violation is what is wrong with one field of a webhook. Its text does not quote the
// field's value, which may be a secret. Field is the field's name in the seed file, or
// empty for the webhook as a whole; the index or name of a member of a list or map follows
// after a slash.
type Violation struct{ Field, Text string }

// Check returns everything that is wrong with a webhook: nil if it is valid.
func Check(h *lead.Webhook) []Violation {
	var c checker
	c.key("advertiser", h.Advertiser, lead.MaxAdvertiserID)
	c.key("id", h.ID, maxWebhookID)
	c.url(h.URL)
	c.line("authorization", h.Authorization.Reveal())
	c.authHeader(h)
	switch h.Trigger {
	case lead.NewContact, lead.ExistingContact:
	case "":
		c.add("event", "event is required: new_contact or existing_contact")
	default:
		c.add("event", "event must be new_contact or existing_contact")
	}
	if h.LeadTypes == 0 || h.LeadTypes&^lead.AllLeadTypes != 0 {
		c.add("lead_types", "lead_types must name at least one of calls, chats, forms")
	}
	if _, ok := lead.ParseFormat(string(h.Format)); !ok {
		c.add("format", "format must be json or adf")
	}
	c.signingSecrets(h.SigningSecrets)
	c.headers(h)
	c.contentType(h.ContentType)
	c.tls(h)
	if h.Rate != 0 && !(h.Rate >= lead.MinRate && h.Rate <= lead.MaxRate) { // NaN is refused too
		c.add("rate", "rate must be a number from 0.001 to 10,000, in deliveries a second")
	}
	_, faults := answer.Compile(h.Answers)
	for _, fault := range faults {
		c.add("answers/"+fault.Where, "answers: %s", fault.Text)
	}
	c.line("vendor_name", h.VendorName)
	c.line("provider_name", h.ProviderName)
	if n := size(h); n > MaxBytes {
		c.add("", "the webhook has %d bytes of text in all its fields, at most %d are allowed", n, MaxBytes)
	}
	return c
}

func size(h *lead.Webhook) int {
	n := len(h.ID) + len(h.Advertiser) + len(h.URL) + len(h.Authorization) + len(h.AuthHeader) + len(h.VendorName) + len(h.ProviderName) +
		len(h.ContentType) + len(h.ClientCert) + len(h.CA)
	for _, secret := range h.SigningSecrets {
		n += len(secret)
	}
	return n + headerBytes(h) + h.Answers.Size()
}

// A checker collects violations.
type checker []Violation

func (c *checker) add(field, format string, args ...any) {
	*c = append(*c, Violation{field, fmt.Sprintf(format, args...)})
}

// line reports whether a value can be sent or shown in one line as it is, in a header or
// as an id. If not, it adds a violation.
func (c *checker) line(field, value string) bool {
	before := len(*c)
	name, _, _ := strings.Cut(field, "/")
	if name == "headers" {
		name = "a header's value"
	}
	switch {
	case !utf8.ValidString(value):
		c.add(field, "%s is not valid UTF-8", name)
	case strings.ContainsFunc(value, unicode.IsControl):
		c.add(field, "%s has control characters, such as a line break or a tab", name)
	case value != strings.TrimSpace(value):
		c.add(field, "%s begins or ends with a blank", name)
	case len(value) > maxText:
		c.add(field, "%s is longer than %d bytes", name, maxText)
	}
	return len(*c) == before
}

func (c *checker) required(field, value string, longest int) bool {
	if value == "" {
		c.add(field, "%s is required", field)
		return false
	}
	if n := utf8.RuneCountInString(value); n > longest {
		c.add(field, "%s has %d characters, at most %d are allowed", field, n, longest)
		return false
	}
	return c.line(field, value)
}

// key checks the id of a webhook or an advertiser. What is shown of it must tell it from
// every other one, since a person decides by it whose leads go where.
func (c *checker) key(field, id string, longest int) {
	if !c.required(field, id, longest) {
		return
	}
	if i := strings.IndexFunc(id, notShown); i >= 0 {
		r, _ := utf8.DecodeRuneInString(id[i:])
		c.add(field, "%s has the character %U, which is invisible, changes the direction of text or looks like a blank", field, r)
	}
	for _, prefix := range reservedKeys {
		if strings.HasPrefix(id, prefix) {
			c.add(field, "%s begins with %s, which is reserved", field, prefix)
		}
	}
}

// reservedKeys begin the keys of records that are not an advertiser's.
var reservedKeys = []string{"id:", "epoch:", "open:"}

// notShown reports whether a character of an id may not be seen as itself: everything but
// letters, marks, numbers, punctuation, symbols and the usual blank (so no controls of
// direction and no unassigned ones), and of these the ones that have no picture.
func notShown(r rune) bool {
	const brailleBlank = '\u2800'
	return !unicode.IsPrint(r) || r == brailleBlank ||
		unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// signingSecrets accepts secrets as Standard Webhooks 1.0 writes them, of the length
// that it demands. The same one twice is a rotation that has not happened.
func (c *checker) signingSecrets(secrets []lead.Secret) {
	if len(secrets) > MaxSigningSecrets {
		c.add("signing_secrets", "signing_secrets has more than %d entries: two are enough for a rotation", MaxSigningSecrets)
		return
	}
	var keys []string // decoded: base64 can write the same bytes in several ways
	for i, secret := range secrets {
		field := "signing_secrets/" + strconv.Itoa(i)
		if !c.line(field, secret.Reveal()) {
			continue
		}
		text, ok := strings.CutPrefix(secret.Reveal(), "whsec_")
		key, err := base64.StdEncoding.DecodeString(text)
		switch {
		case !ok || err != nil:
			c.add(field, "a signing secret must be whsec_ and then base64 with its padding")
		case len(key) < minKeyBytes || len(key) > maxKeyBytes:
			c.add(field, "a signing secret has %d bytes, it must have %d to %d: whsec_ and then what openssl rand -base64 32 prints",
				len(key), minKeyBytes, maxKeyBytes)
		case slices.Contains(keys, string(key)):
			c.add(field, "a signing secret is given twice")
		}
		keys = append(keys, string(key))
	}
}
