// Package requeue is Kafka out: it publishes records and waits until they are
// safe, writes and reads dead letters and deliveries that wait, and creates and
// checks the topics.
//
// It knows how these are laid out as Kafka records, in which topics a delivery
// spends its wait, and what topics must look like for nothing to be lost. Why a
// delivery is dead, or how long it has to wait, and when topics are read, it
// leaves to others; connections (TLS, SASL) are made by the caller, who hands
// over a transport or a client.
package requeue
