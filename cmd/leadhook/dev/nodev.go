//go:build nodev

package dev

import "errors"

const help = `This build is for production and has no embedded Kafka and Redis (-tags nodev). It has only the sample
CRM, on 127.0.0.1:8085 (setting dev.crm_listen).

Examples:
  leadhook dev crm --listen :8085
  leadhook dev crm answer /json-new-1 401`

// Run returns an error that says what this build lacks and what to use instead.
func (allCommand) Run() error {
	return errors.New("dev: this build is for production and has no embedded Kafka and Redis (-tags nodev)." +
		" Build leadhook with `make build`, or start everything in containers with `docker compose up --build`;" +
		" the sample CRM alone, `leadhook dev crm`, is in this build too")
}
