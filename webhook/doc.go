// Package webhook answers "which webhooks does this advertiser have" for every lead, with
// every change in the answer that was acknowledged before. The topic of webhooks in Kafka
// is the truth, Redis has a copy that is filled from it, and a bounded cache lies in front.
// Package follow keeps both up with the topic; a list is used only once that has confirmed
// that nothing newer was acknowledged.
//
// It also lists webhooks for people, and keeps in Redis since when each has been failing.
// Package edit changes webhooks, rules says what a valid one is, entry how it is stored.
// It does not know seed files, which package seedfile reads and writes; nor which webhook
// wants which lead ([lead.Webhook.Wants]); nor anything of sending.
package webhook
