package scrub

import (
	"encoding/base64"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/leadhook/leadhook/lead"
)

// addSecrets adds the secrets of a webhook: its authorization and header values, also in
// parts and decoded, signing secrets, the lines of its client certificate, and what
// [lead.ShownURL] hides of its URL.
func (n *needles) addSecrets(hook *lead.Webhook) {
	for _, secret := range secretsOf(hook) {
		n.addSecret(secret)
	}
}

// secretsOf returns the secrets of a webhook, in each way in which a CRM may know them.
func secretsOf(hook *lead.Webhook) []string {
	all := authorizationParts(hook.Authorization.Reveal())
	path, query := lead.HiddenOfURL(hook.URL)
	all = append(all, path, query)
	for segment := range strings.SplitSeq(path, "/") {
		if len(segment) >= shortestKey { // others are words such as leads
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

// authorizationParts returns a header's value, and what it has: without a scheme, the tokens
// and what parameters are set to; of a user and password, as they are or in base64, what is
// secret.
func authorizationParts(value string) []string {
	parts := append([]string{value}, passwordOf(value)...)
	fields := strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' || r == ';' })
	for i, token := range fields {
		if _, set, ok := strings.Cut(token, "="); ok && strings.Trim(set, "=") != "" {
			parts = append(parts, strings.Trim(set, `"'`))
		}
		if len(token) >= shortestKey || i == len(fields)-1 { // others are words such as Bearer
			parts = append(parts, token)
		}
		parts = append(parts, passwordOf(token)...)
	}
	return parts
}

// passwordOf returns what is secret of a user and password, if a text has both: the password,
// and the user too unless it is a word, such as leads.
func passwordOf(text string) []string {
	var parts []string
	decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err == nil && utf8.Valid(decoded) {
		text = string(decoded)
		parts = append(parts, text)
	}
	user, password, ok := strings.Cut(text, ":")
	switch {
	case !ok:
	case password != "" && isWordOfLanguage(user):
		parts = append(parts, password)
	default:
		parts = append(parts, password, user)
	}
	return parts
}

func isWordOfLanguage(text string) bool {
	return len(text) < window && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
}
