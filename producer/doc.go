// Package producer is Kafka out: it publishes records and waits until they are
// safe. It also writes dead letters.
//
// It knows nothing of why a delivery is dead, nor of who reads what it
// publishes. Connections (TLS, SASL) are made by the caller, who hands over a
// transport.
package producer
