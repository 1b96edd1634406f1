// Package service is `leadhook run`: it builds the parts that a lead passes
// through from the settings, connects them, and starts and stops them in order.
//
// The other commands use parts of it: the connections to Kafka and Redis, the
// options that follow from the settings, the topics that the settings ask for, and
// the log. It knows no command line, no terminal and no environment: its callers
// pass settings, log and version.
package service
