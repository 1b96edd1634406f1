// Package lead is the vocabulary of leadhook: the lead event as a producer
// publishes it, the webhook that an advertiser sets up, the delivery of one to
// the other, and the dead letter that is kept when a delivery cannot succeed.
//
// It knows nothing of Kafka, Redis or HTTP, and of this module it imports the
// package jsonscan alone. Every other package speaks in these words.
package lead
