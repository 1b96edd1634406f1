// Package secrets is `leadhook secrets`: it makes the keys with which webhooks are
// sealed, and seals them with another one.
package secrets

import (
	"fmt"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/webhook/seal"
)

// Command is the family of commands on keys.
type Command struct {
	NewKey newKeyCommand `cmd:"" help:"Print a new key."`
	Check  checkCommand  `cmd:"" help:"Show with which keys the stored webhooks are sealed, and whether they open."`
	Reseal resealCommand `cmd:"" help:"Seal all stored webhooks with the first key."`
}

// Help returns what --help shows beside the flags.
func (Command) Help() string {
	return `An advertiser's webhooks are sealed as a whole, in Kafka and in Redis, with the first key of secrets.keys.
Without a key, webhooks with secrets are refused, unless secrets.plain is true.

Examples:
  leadhook secrets new-key
  leadhook secrets check`
}

type newKeyCommand struct{}

// Help returns what --help shows beside the flags.
func (newKeyCommand) Help() string {
	return `Prints a random key on standard output and, on standard error, what to do with it. It needs no
settings and no server, and keeps nothing.

Examples:
  leadhook secrets new-key
  (umask 077; leadhook secrets new-key >> leadhook.keys)`
}

const advice = `This is a new key, with the id %s. Give it to all instances and commands: in secrets.keys
(LEADHOOK_SECRETS_KEYS), or as a line of the file of secrets.keys_file. The first key seals, all open.
Keep a copy in another place: nothing else opens what it sealed, and without it every webhook must
be seeded again, into a new topic.
`

// Run prints a key.
func (newKeyCommand) Run(env *cli.Env) error {
	key := seal.NewKey()
	if _, err := fmt.Fprintln(env.Stdout, key.Reveal()); err != nil {
		return err
	}
	fmt.Fprintf(env.Stderr, advice, key.ID())
	return nil
}
