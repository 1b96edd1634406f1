package webhook

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/rules"
)

// recordVersion is the layout of a stored webhook. A new field that older readers
// may ignore does not change it; everything else does.
const recordVersion = 1

// A record is a webhook as it is stored, secrets in the clear. Id and advertiser
// are the hash's field and key. The health of the webhook is not part of it (see
// healthRecord): seeding would remove it.
type record struct {
	Version        int               `json:"v"`
	URL            string            `json:"url"`
	Authorization  string            `json:"authorization,omitempty"`
	AuthHeader     string            `json:"auth_header,omitempty"`
	Event          string            `json:"event"`
	LeadTypes      []string          `json:"lead_types"`
	Format         string            `json:"format"`
	Active         bool              `json:"active"`
	SigningSecrets []string          `json:"signing_secrets,omitempty"`
	Headers        map[string]string `json:"headers,omitempty"`
	Rate           float64           `json:"rate,omitempty"`
	VendorName     string            `json:"vendor_name,omitempty"`
	ProviderName   string            `json:"provider_name,omitempty"`
}

// encode returns the record of a valid webhook. The same webhook always gives the
// same bytes.
func encode(h *lead.Webhook) (string, error) {
	r := record{
		Version: recordVersion,
		URL:     h.URL, Authorization: h.Authorization.Reveal(), AuthHeader: h.AuthHeader,
		Event: string(h.Trigger), LeadTypes: h.LeadTypes.Names(), Format: string(h.Format), Active: h.Active,
		Rate: h.Rate, VendorName: h.VendorName, ProviderName: h.ProviderName,
	}
	for _, secret := range h.SigningSecrets {
		r.SigningSecrets = append(r.SigningSecrets, secret.Reveal())
	}
	if len(h.Headers) > 0 {
		r.Headers = make(map[string]string, len(h.Headers))
		for name, value := range maps.All(h.Headers) {
			r.Headers[name] = value.Reveal()
		}
	}
	b, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("encoding webhook %q: %w", h.ID, err)
	}
	return string(b), nil
}

// decode reads a record. If it cannot be used, the webhook has Damaged set: its leads
// become dead letters, and its advertiser's other webhooks are not affected.
func decode(advertiser, id, stored string) *lead.Webhook {
	h := &lead.Webhook{ID: id, Advertiser: advertiser}
	var r record
	if err := json.Unmarshal([]byte(stored), &r); err != nil {
		return damaged(h, "its record is not the JSON that leadhook writes")
	}
	if r.Version != recordVersion {
		return damaged(h, fmt.Sprintf("its record has layout %d, this version of leadhook reads layout %d",
			r.Version, recordVersion))
	}
	for _, name := range r.LeadTypes {
		t, ok := lead.ParseLeadType(name)
		if !ok {
			return damaged(h, "its lead_types has an unknown entry")
		}
		h.LeadTypes |= t
	}
	h.URL, h.Authorization, h.AuthHeader = r.URL, lead.Secret(r.Authorization), r.AuthHeader
	h.Trigger, _ = lead.ParseTrigger(r.Event)
	h.Format, h.Active = lead.Format(r.Format), r.Active
	h.Rate, h.VendorName, h.ProviderName = r.Rate, r.VendorName, r.ProviderName
	for _, secret := range r.SigningSecrets {
		h.SigningSecrets = append(h.SigningSecrets, lead.Secret(secret))
	}
	if len(r.Headers) > 0 {
		h.Headers = make(map[string]lead.Secret, len(r.Headers))
		for name, value := range r.Headers {
			h.Headers[name] = lead.Secret(value)
		}
	}
	if wrong := rules.Check(h); len(wrong) > 0 {
		return damaged(h, wrong[0].Text)
	}
	h.Version = version(stored)
	return h
}

// damaged returns h as a damaged webhook, with only what is reliable.
func damaged(h *lead.Webhook, why string) *lead.Webhook {
	return &lead.Webhook{
		ID: h.ID, Advertiser: h.Advertiser,
		Damaged: "the webhook's record in Redis cannot be used: " + why + "; seed the webhook again",
	}
}
