// Package cli is what leadhook's commands begin with: the terminal that
// they talk to, the settings that they obey, and connections to the Kafka and
// Redis of these settings that are known to answer.
//
// It knows no command.
package cli

import (
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/internal/terminal"
)

// An Env is what a command runs in.
type Env struct {
	*terminal.Terminal

	SettingsFile string // "": none was named on the command line
	Version      string // what leadhook calls itself, such as 1.2.3+abc1234
	Program      string // how the person started leadhook, such as bin/leadhook
}

// MaxInput is the largest input with events that a command reads, in bytes: all
// of it is checked before anything is done.
const MaxInput = 256 << 20

// Settings loads the settings; an error lists every fault in them.
func (env *Env) Settings() (config.Loaded, error) {
	loaded, err := config.Load(env.SettingsFile, env.Environ)
	if err != nil {
		return loaded, &terminal.UsageError{Err: err}
	}
	return loaded, nil
}
