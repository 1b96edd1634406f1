// Package requeue is Kafka out: it publishes records and waits until they are
// safe, writes and reads dead letters, and creates and checks the topics.
//
// It knows how a dead letter is laid out as a Kafka record, and what topics
// must look like for nothing to be lost. Why a delivery is dead, and what is
// read from the live topic, it leaves to others; connections (TLS, SASL) are
// made by the caller, who hands over a transport or a client.
package requeue
