package cli

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"unicode/utf8"

	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/webhook/edit"
	"github.com/leadhook/leadhook/webhook/follow"
)

// ActorFlag is the flag of commands that change webhooks. Embed it in the command.
type ActorFlag struct {
	Actor string `placeholder:"NAME" help:"Who makes the change, for leadhook webhooks history; default is the user and host of this process."`
}

// maxActor is how many bytes a name may have: each change keeps one.
const maxActor = 100

// Validate is called by kong.
func (f ActorFlag) Validate() error {
	if len(f.Actor) > maxActor || !utf8.ValidString(f.Actor) || terminal.Printable(f.Actor) != f.Actor {
		return errors.New("--actor must be printable, and at most 100 bytes long")
	}
	return nil
}

// Editor returns what changes webhooks in the actor's name with a command, such as
// "leadhook seed". It tells the terminal when it waits for Kafka.
func (f ActorFlag) Editor(env *Env, webhooks *follow.Log, command string) *edit.Editor {
	by := f.Actor
	if by == "" {
		by = thisProcess()
	}
	return &edit.Editor{Log: webhooks, By: by, With: command, Waits: func(cause error) {
		fmt.Fprintf(env.Stderr, "waiting for Kafka: %v\n", cause)
	}}
}

// thisProcess returns the user and the host of this process.
func thisProcess() string {
	name := strconv.Itoa(os.Getuid()) // a container may have no name for it
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}
