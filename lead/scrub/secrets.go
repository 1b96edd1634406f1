package scrub

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/leadhook/leadhook/lead"
)

// addSecrets adds the secrets of a webhook: its authorization, also without the scheme and
// decoded, header values, signing secrets, the lines of its client certificate, and what [lead.ShownURL] hides of its
// URL.
func (n *needles) addSecrets(hook *lead.Webhook) {
	for _, secret := range secretsOf(hook) {
		n.addSecret(secret)
	}
}

// secretsOf returns the secrets of a webhook, in each way in which a CRM may know them.
func secretsOf(hook *lead.Webhook) []string {
	const longSegment = 8 // shorter ones are words such as leads
	all := authorizationParts(hook.Authorization.Reveal())
	path, query := lead.HiddenOfURL(hook.URL)
	all = append(all, path, query)
	for segment := range strings.SplitSeq(path, "/") {
		if len(segment) >= longSegment {
			all = append(all, segment)
		}
	}
	values, _ := url.ParseQuery(query) // what could be read
	for _, list := range values {
		for _, value := range list {
			if len(value) >= shortestText {
				all = append(all, value)
			}
		}
	}
	for _, secret := range hook.SigningSecrets {
		all = append(all, secret.Reveal(), strings.TrimPrefix(secret.Reveal(), "whsec_"))
	}
	for line := range strings.Lines(hook.ClientCert.Reveal()) {
		if line = strings.TrimSpace(line); len(line) >= shortestText && !strings.HasPrefix(line, "-----") {
			all = append(all, line)
		}
	}
	for _, value := range hook.Headers {
		all = append(all, authorizationParts(value.Reveal())...)
	}
	return all
}

// authorizationParts returns a header's value, and without a scheme what it has: of Basic the
// user and password too.
func authorizationParts(value string) []string {
	token := value[strings.LastIndexByte(value, ' ')+1:]
	parts := []string{value, token}
	decoded, err := base64.StdEncoding.DecodeString(token)
	if user, password, ok := strings.Cut(string(decoded), ":"); err == nil && ok && user != "" {
		parts = append(parts, string(decoded), password)
	}
	return parts
}
