// Package config is the settings of leadhook: which there are, what they mean
// and by default are, how they are read from a YAML file and the environment,
// and how they are shown.
//
// One table (settings.go) is the only source for keys, variables, defaults,
// limits and texts; everything else here is derived from it, docs/settings.md
// too. The package makes values and nothing else: it opens no connection, and
// knows neither Kafka's client nor Redis's. Only service and
// cmd/leadhook import it.
package config
