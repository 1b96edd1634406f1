// Package webhook keeps the webhooks: how they lie in Redis, how a seed
// file is read and written there, and the bounded cache that answers "which
// webhooks does this advertiser have" for every lead.
//
// It knows what makes a webhook valid, apart from the operator's address
// policy, which its callers pass in. It does not know which webhook wants
// which lead ([lead.Webhook.Wants]), nor anything of Kafka or of sending.
package webhook
