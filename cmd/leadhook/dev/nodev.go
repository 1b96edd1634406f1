//go:build nodev

package dev

import "errors"

// Run returns an error that says what this build lacks and what to use instead.
func (allCommand) Run() error {
	return errors.New("dev: this build is for production and has no embedded Kafka and Redis (-tags nodev)." +
		" Build leadhook with `make build`, or start everything in containers with `docker compose up --build`;" +
		" the sample CRM alone, `leadhook dev crm`, is in this build too")
}
