package main

import "github.com/leadhook/leadhook/config"

// configCommand shows settings.
type configCommand struct {
	Defaults bool `help:"Print a settings file with every setting at its default, explained."`
}

// Help is what --help says beyond the flags.
func (configCommand) Help() string {
	return `Prints the settings in effect as a settings file, each with where it came from; secrets are masked.
All faults in the settings are shown at once.

Examples:
  leadhook config
  leadhook config --defaults > leadhook.yaml
  LEADHOOK_KAFKA_TOPIC=leads.test leadhook config --config leadhook.yaml`
}

// Run prints them.
func (c configCommand) Run(w *world) error {
	if c.Defaults {
		return config.WriteDefaults(w.stdout)
	}
	loaded, err := w.settings()
	if err != nil {
		return err
	}
	return loaded.Write(w.stdout)
}
