package entry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/rules"
)

// webhookJSON is a webhook as it is stored.
type webhookJSON struct {
	ID string `json:"id"`
	settingsJSON

	// Disabled is set while the service has the webhook disabled. It is not one of the
	// settings: a webhook that is disabled is still the same version.
	Disabled *disabledJSON `json:"disabled,omitempty"`
}

// settingsJSON is what decides how a webhook is tried. Its hash is the webhook's version.
type settingsJSON struct {
	URL            string            `json:"url"`
	Authorization  string            `json:"authorization,omitempty"`
	AuthHeader     string            `json:"auth_header,omitempty"`
	Event          string            `json:"event"`
	LeadTypes      []string          `json:"lead_types"`
	Format         string            `json:"format"`
	Active         bool              `json:"active"`
	SigningSecrets []string          `json:"signing_secrets,omitempty"`
	Headers        map[string]string `json:"headers,omitempty"`
	ContentType    string            `json:"content_type,omitempty"`
	ClientCert     string            `json:"client_cert,omitempty"`
	CA             string            `json:"ca,omitempty"`
	LegacyTLS      bool              `json:"legacy_tls,omitempty"`
	Rate           float64           `json:"rate,omitempty"`
	Answers        json.RawMessage   `json:"answers,omitempty"`
	VendorName     string            `json:"vendor_name,omitempty"`
	ProviderName   string            `json:"provider_name,omitempty"`
	Enabled        int               `json:"enabled,omitempty"` // how often it was enabled again, which begins a new version
}

type disabledJSON struct {
	At     time.Time   `json:"at"`
	Reason lead.Reason `json:"reason"`
	Status int         `json:"status,omitempty"`
}

func encodeWebhook(h *lead.Webhook) webhookJSON {
	w := webhookJSON{ID: h.ID, settingsJSON: settings(h)}
	if h.Disabled != (lead.Disabled{}) {
		w.Disabled = encodeDisabled(h.Disabled)
	}
	return w
}

func encodeDisabled(d lead.Disabled) *disabledJSON {
	return &disabledJSON{At: d.At.UTC(), Reason: d.Reason, Status: d.Status}
}

func settings(h *lead.Webhook) settingsJSON {
	s := settingsJSON{
		URL: h.URL, Authorization: h.Authorization.Reveal(), AuthHeader: h.AuthHeader,
		Event: string(h.Trigger), LeadTypes: h.LeadTypes.Names(), Format: string(h.Format), Active: h.Active,
		ContentType: h.ContentType, ClientCert: h.ClientCert.Reveal(), CA: h.CA, LegacyTLS: h.LegacyTLS,
		Rate: h.Rate, VendorName: h.VendorName, ProviderName: h.ProviderName, Enabled: h.Enabled,
	}
	if h.Answers != nil {
		s.Answers, _ = json.Marshal(h.Answers) // cannot fail, likewise
	}
	for _, secret := range h.SigningSecrets {
		s.SigningSecrets = append(s.SigningSecrets, secret.Reveal())
	}
	if len(h.Headers) > 0 {
		s.Headers = make(map[string]string, len(h.Headers))
		for name, value := range h.Headers {
			s.Headers[name] = value.Reveal()
		}
	}
	return s
}

// Version returns the name of the version of a webhook: a hash of its settings. Two
// webhooks with the same version are tried in the same way.
func Version(h *lead.Webhook) string {
	s := settings(h)
	return s.version()
}

func (s *settingsJSON) version() string {
	const digits = 16
	b, _ := json.Marshal(s) // cannot fail: there is nothing in it but texts and numbers, none of them NaN
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])[:digits]
}

// decodeWebhook reads a stored webhook. If it cannot be used, the webhook has Damaged
// set: its leads become dead letters, and its advertiser's other webhooks are not
// affected.
func decodeWebhook(advertiser string, w *webhookJSON) *lead.Webhook {
	h := &lead.Webhook{
		ID: w.ID, Advertiser: advertiser,
		URL: w.URL, Authorization: lead.Secret(w.Authorization), AuthHeader: w.AuthHeader,
		Format: lead.Format(w.Format), Active: w.Active,
		ContentType: w.ContentType, ClientCert: lead.Secret(w.ClientCert), CA: w.CA, LegacyTLS: w.LegacyTLS,
		Rate: w.Rate, VendorName: w.VendorName, ProviderName: w.ProviderName, Enabled: w.Enabled,
	}
	h.Trigger, _ = lead.ParseTrigger(w.Event)
	for _, name := range w.LeadTypes {
		t, ok := lead.ParseLeadType(name)
		if !ok {
			return Damaged(advertiser, w.ID, "its lead_types has an unknown entry")
		}
		h.LeadTypes |= t
	}
	for _, secret := range w.SigningSecrets {
		h.SigningSecrets = append(h.SigningSecrets, lead.Secret(secret))
	}
	if len(w.Headers) > 0 {
		h.Headers = make(map[string]lead.Secret, len(w.Headers))
		for name, value := range w.Headers {
			h.Headers[name] = lead.Secret(value)
		}
	}
	if len(w.Answers) > 0 {
		if h.Answers = readAnswers(w.Answers); h.Answers == nil {
			return Damaged(advertiser, w.ID, "its answers have rules that this version of leadhook does not know")
		}
	}
	if wrong := rules.Check(h); len(wrong) > 0 {
		return Damaged(advertiser, w.ID, wrong[0].Text)
	}
	h.Version = w.version()
	if w.Disabled != nil {
		h.Disabled = lead.Disabled{At: w.Disabled.At, Reason: w.Disabled.Reason, Status: w.Disabled.Status}
	}
	return h
}

// readAnswers returns stored rules for answers, and nil if they cannot be read as a whole:
// without what a later version added to a rule, the rest would mean something else.
func readAnswers(stored []byte) *lead.Answers {
	in := json.NewDecoder(bytes.NewReader(stored))
	in.DisallowUnknownFields()
	var a lead.Answers
	if in.Decode(&a) != nil {
		return nil
	}
	return &a
}

// Damaged returns a webhook whose record cannot be used.
func Damaged(advertiser, id, why string) *lead.Webhook {
	return &lead.Webhook{
		ID: id, Advertiser: advertiser,
		Damaged: "the webhook's stored record cannot be used: " + why + "; seed the webhook again",
	}
}

// Unreadable returns a webhook of an advertiser whose entry as a whole cannot be used.
// With an empty id it stands for all of them, however many there are.
func Unreadable(advertiser, id, why string) *lead.Webhook {
	return &lead.Webhook{
		ID: id, Advertiser: advertiser,
		Damaged: "the stored webhooks of its advertiser cannot be read: " + why + "; if that cannot be put right, leadhook seed --replace-damaged replaces them",
	}
}
