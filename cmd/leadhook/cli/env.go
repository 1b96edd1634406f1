// Package cli has what leadhook's commands share: the terminal, the settings, and
// connections to the Kafka and Redis of the settings, checked before use.
//
// It knows no command.
package cli

import (
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/internal/terminal"
)

// An Env is the environment of a command.
type Env struct {
	*terminal.Terminal

	SettingsFile string // "": none was named on the command line
	Version      string // what leadhook calls itself, such as 1.2.3+abc1234
	Program      string // how the person started leadhook, such as bin/leadhook
}

// MaxInput is the limit for an input with events, in bytes. Commands check the
// whole input before they do anything.
const MaxInput = 256 << 20

// Settings loads the settings. The error is a [terminal.UsageError] that lists
// every fault in them.
func (env *Env) Settings() (config.Loaded, error) {
	loaded, err := config.Load(env.SettingsFile, env.Environ)
	if err != nil {
		return loaded, &terminal.UsageError{Err: err}
	}
	return loaded, nil
}
