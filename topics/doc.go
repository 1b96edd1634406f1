// Package topics knows the topics of leadhook: their names, and what settings each
// needs so that no lead is lost. It creates topics and checks existing ones. It also
// explains in words what an error of Kafka about a topic means.
//
// It does not know what is in the topics. The caller sets up the connections (TLS,
// SASL) and passes a client.
package topics
