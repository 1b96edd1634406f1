// Package lead is the vocabulary of leadhook: the lead event as a producer publishes
// it, the webhook that an advertiser sets up, the delivery of an event to a webhook,
// and the dead letter that is kept if a delivery cannot succeed. Every other package
// uses these words.
//
// It knows nothing of Kafka, Redis or HTTP. Of this module it imports only jsonscan.
package lead
