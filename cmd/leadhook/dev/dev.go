// Package dev is `leadhook dev`: the service with an embedded Kafka and Redis, a
// sample CRM and sample leads around it, and the sample CRM by itself.
package dev

// Command is the family of commands to try leadhook.
type Command struct {
	Data string `placeholder:"DIR" complete:"file" help:"Keep Kafka's data there; default in memory, gone at the end (setting dev.data)."`

	All allCommand `cmd:"" default:"withargs" hidden:""`
	CRM crmCommand `cmd:"" name:"crm" help:"Only the sample CRM, which shows the leads that it gets; or tell it how to answer."`
}

// allCommand runs everything in one process. A build for production (-tags nodev)
// has no servers in it, and only says so.
type allCommand struct{}

// Help returns what --help shows beside the flags.
func (Command) Help() string {
	return `Starts, in one process, an embedded Kafka (127.0.0.1:9092), an embedded Redis (127.0.0.1:6379), a
sample CRM (127.0.0.1:8085) and the service, with sample webhooks for two advertisers, and publishes a
few sample leads. The addresses are the settings dev.kafka_listen, dev.redis_listen, dev.crm_listen and
admin.listen. The other commands work against it from a second terminal. Ctrl-C ends it.

Examples:
  leadhook dev
  leadhook dev --data ./data
  LEADHOOK_DEV_KAFKA_LISTEN=127.0.0.1:19092 leadhook dev
  leadhook dev crm --listen :8085
  leadhook dev crm answer /json-new-1 401`
}
