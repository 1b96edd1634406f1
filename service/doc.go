// Package service is what `leadhook run` runs: from the settings it builds the parts
// that a lead passes through, connects them, and starts and stops them in order.
//
// The other commands use some of it: the connections to Kafka and Redis, the options
// that follow from the settings, the topics that the settings ask for, and the log. It
// knows no command line, terminal or environment: its callers pass the settings, the
// log and the version.
package service
