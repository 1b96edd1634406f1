package main

import (
	"embed"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
)

// completionCommand prints what a shell needs to complete leadhook's commands.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"${enum}."`
}

// Help returns what --help shows beside the flags.
func (completionCommand) Help() string {
	return `The script completes commands, flags and their values, files, and the ids of webhooks and advertisers
that are in the Redis of the settings: within half a second, or else without them.

Examples:
  source <(leadhook completion bash)
  source <(leadhook completion zsh)
  leadhook completion fish > ~/.config/fish/completions/leadhook.fish`
}

//go:embed completion
var completionScripts embed.FS

// Run prints the script.
func (c completionCommand) Run(env *cli.Env) error {
	script, err := completionScripts.ReadFile("completion/leadhook." + c.Shell)
	if err != nil {
		return err
	}
	_, err = env.Stdout.Write(script)
	return err
}
