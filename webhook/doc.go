// Package webhook keeps the webhooks of advertisers in Redis: it reads, seeds and
// changes them, keeps the health of each, and has the bounded cache that answers
// "which webhooks does this advertiser have" for every lead.
//
// Package rules below it decides what makes a webhook valid. It does not know seed
// files, which package seedfile reads and writes; nor which webhook wants which lead
// ([lead.Webhook.Wants]); nor anything of Kafka or of sending.
package webhook
