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
func (Command) Help() string { return help }
