// Package scrub takes out of what a CRM said whatever may not be kept of it: the personal
// data of the lead, which many CRMs send back, the secrets of the webhook, and what looks
// like an e-mail address or a phone number. A CRM may have changed what it sends back:
// written it in another case, escaped it for a URL, HTML or JSON, more than once even, packed it
// in base64, folded it over lines, or marked up parts of it.
//
// It knows leads and webhooks. It does not know where the text came from, nor what it means.
package scrub
