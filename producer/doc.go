// Package producer publishes records to Kafka and waits until they are safe: until
// all in-sync replicas have acknowledged them. It also writes dead letters.
//
// It does not know why a delivery is dead, nor who reads what it publishes. The
// caller sets up the connections (TLS, SASL) and passes a transport.
package producer
