package main

import (
	"errors"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/internal/terminal"
)

// configCommand shows settings.
type configCommand struct {
	Defaults bool   `help:"Print a settings file with every setting at its default, explained."`
	Output   string `short:"o" enum:"table,wide,json,yaml" default:"yaml" help:"${enum}; yaml is a settings file, json one object a line, wide a table that is not cut to the terminal's width."`
}

// Help returns what --help shows beside the flags.
func (configCommand) Help() string {
	return `Prints the settings in effect as a settings file, each with where it came from; secrets are masked.
All faults in the settings are shown at once.

Examples:
  leadhook config
  leadhook config --output table
  leadhook config --defaults > leadhook.yaml
  LEADHOOK_KAFKA_TOPIC=leads.test leadhook config --config leadhook.yaml`
}

// Run prints the settings.
func (c configCommand) Run(env *cli.Env) error {
	if c.Defaults {
		if c.Output != "yaml" {
			return &terminal.UsageError{Err: errors.New("config: --defaults prints a settings file, which is YAML: leave out --output")}
		}
		return config.WriteDefaults(env.Stdout)
	}
	loaded, err := env.Settings()
	if err != nil {
		return err
	}
	if c.Output == "yaml" {
		return loaded.Write(env.Stdout)
	}
	l := terminal.OutputFlag{Output: c.Output}.List(env.Terminal, "KEY", "VALUE", "FROM")
	for _, s := range loaded.Settings {
		row := settingJSON{Key: s.Key, Value: s.Value, From: s.Origin}
		if err := l.Add(row, row.Key, row.Value, row.From); err != nil {
			return err
		}
	}
	return l.End()
}

// settingJSON is a setting for programs, written as in an environment variable.
type settingJSON struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	From  string `json:"from"`
}
