// Package config has the settings of leadhook: their names, meanings, limits and
// defaults. It reads them from a YAML file and the environment, and writes them
// so that a person can read them.
//
// The table in settings.go is the only source of keys, variables, defaults,
// limits and texts; everything else is derived from it, including
// docs/settings.md. The package only returns values: it opens no connection, and
// does not know the clients of Kafka and Redis.
package config
