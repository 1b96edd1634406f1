package seedfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/leadhook/leadhook/lead"
)

// A seed file is Head and then the [Text] of each webhook, or Empty if there are
// no webhooks.
const (
	Head  = "webhooks:\n"
	Empty = "webhooks: []\n"
)

// Text returns a webhook as an item of a seed file, with secrets in the clear. Parsed
// and seeded again, it gives the same record. For a damaged webhook it returns an
// error that says what is wrong with it.
func Text(h *lead.Webhook) (string, error) {
	if h.Damaged != "" {
		return "", fmt.Errorf("webhook %q: %s", h.ID, h.Damaged)
	}
	var item bytes.Buffer
	encoder := json.NewEncoder(&item) // every JSON string is also a YAML string
	encoder.SetEscapeHTML(false)
	var err error
	add := func(name string, value any, set bool) {
		if set && err == nil {
			item.WriteString("    " + name + ": ")
			err = encoder.Encode(value)
		}
	}
	add("id", h.ID, true)
	add("advertiser", h.Advertiser, true)
	add("url", h.URL, true)
	add("authorization", literal(h.Authorization), h.Authorization != "")
	add("auth_header", h.AuthHeader, h.AuthHeader != "")
	add("event", h.Trigger, true)
	add("lead_types", h.LeadTypes.Names(), true)
	add("format", h.Format, true)
	add("active", h.Active, true)
	secrets := make([]string, len(h.SigningSecrets))
	for i, s := range h.SigningSecrets {
		secrets[i] = literal(s)
	}
	add("signing_secrets", secrets, len(secrets) > 0)
	headers := make(map[string]string, len(h.Headers))
	for name, value := range h.Headers {
		headers[name] = literal(value)
	}
	add("headers", headers, len(headers) > 0)
	add("content_type", h.ContentType, h.ContentType != "")
	add("client_cert", literal(h.ClientCert), h.ClientCert != "")
	add("ca", h.CA, h.CA != "")
	add("legacy_tls", h.LegacyTLS, h.LegacyTLS)
	add("rate", h.Rate, h.Rate != 0)
	if h.Answers != nil {
		item.WriteString(AnswersText(h.Answers, "    "))
	}
	add("vendor_name", h.VendorName, h.VendorName != "")
	add("provider_name", h.ProviderName, h.ProviderName != "")
	return strings.Replace(item.String(), "    id:", "  - id:", 1), err
}

// literal returns a secret as it must be written so that it refers to no
// variable.
func literal(s lead.Secret) string { return strings.ReplaceAll(s.Reveal(), "${", "$${") }
