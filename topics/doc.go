// Package topics knows the topics of leadhook: what they are called, what each
// must look like for no lead to be lost, how to create them and how to check
// that they are as they must be. It also says in words what an error of Kafka
// about a topic means.
//
// It knows nothing of what is in the topics. Connections (TLS, SASL) are made by
// the caller, who hands over a client.
package topics
