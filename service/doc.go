// Package service is what `leadhook run` is: the parts of the way of a lead,
// built from the settings, joined, started and stopped in order.
//
// It also has the pieces of that which the tools need too: the connections to
// Kafka and Redis, the options that the settings mean, the topics that they ask
// for, and the log. It knows no command line, no terminal and no environment:
// settings, log and version are given to it.
package service
