// Package dlq is `leadhook dlq`: it shows, counts and replays dead letters. It
// reads the dead-letter topic without joining a group.
package dlq

// Command is the family of commands on dead letters.
type Command struct {
	List   listCommand   `cmd:"" help:"Show the newest dead letters, newest first, and what became of them."`
	Show   showCommand   `cmd:"" help:"Show one dead letter, its history and its event."`
	Tail   tailCommand   `cmd:"" help:"Show dead letters as they arrive, until Ctrl-C."`
	Stats  statsCommand  `cmd:"" help:"Count dead letters by reason, webhook and host."`
	Replay replayCommand `cmd:"" help:"Send dead letters again, each to its own webhook."`
}

// Help returns what --help shows beside the flags.
func (Command) Help() string {
	return `Examples:
  leadhook dlq stats --since 24h
  leadhook dlq list --webhook 84+TEST_1 --status 4xx
  leadhook dlq show 3/17
  leadhook dlq replay --webhook 84+TEST_1 --since 2026-11-23`
}
