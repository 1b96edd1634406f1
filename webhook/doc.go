// Package webhook keeps the webhooks of advertisers in Redis: it reads, seeds
// and changes them, remembers how each of them fares, and has the bounded cache
// that answers "which webhooks does this advertiser have" for every lead.
//
// What makes a webhook valid is in package rules below it, and what a seed file
// looks like in package seedfile, which it does not know. Nor does it know which
// webhook wants which lead ([lead.Webhook.Wants]), nor anything of Kafka or of
// sending.
package webhook
