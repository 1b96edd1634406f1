package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/topics"
)

// topicsCommand creates and checks the topics.
type topicsCommand struct {
	Create topicsCreate `cmd:"" help:"Create the topics that are missing, or add partitions."`
	Check  topicsCheck  `cmd:"" help:"Show what is missing or too small; exit 1 if anything is."`
}

// Help returns what --help shows beside the flags.
func (topicsCommand) Help() string {
	return `Examples:
  leadhook topics create
  leadhook topics check`
}

type topicsCreate struct {
	terminal.OutputFlag

	Partitions *int `placeholder:"N" help:"Add partitions to the topics that have fewer: to that of the leads last."`
}

// Help returns what --help shows beside the flags.
func (topicsCreate) Help() string {
	return `There is a topic of the leads, one of the dead letters, a retry topic for each of retry.delays, and one
of the webhooks. Partitions, replication and retention come from the settings (topics.…); a retry
topic keeps records for its delay and a week. That of the webhooks has one partition and is compacted:
Kafka keeps the newest record of each advertiser for ever.

A topic that exists is not changed, unless --partitions names more partitions than it has. The service
may run meanwhile. If the command is stopped, type it again: it goes on. Afterwards producers
use other partitions for some advertisers.

Examples:
  leadhook topics create
  leadhook topics create --partitions 24
  LEADHOOK_TOPICS_PARTITIONS=48 LEADHOOK_TOPICS_REPLICATION_FACTOR=3 leadhook topics create`
}

// Run creates what is missing, and adds partitions if it is told to.
func (c topicsCreate) Run(ctx context.Context, env *cli.Env) error {
	if c.Partitions != nil && *c.Partitions < 1 {
		return &terminal.UsageError{Err: errors.New("topics create: --partitions must be at least 1")}
	}
	return env.WithKafka(ctx, func(cfg *config.Config, k *service.Kafka) error {
		if c.Partitions != nil {
			return c.grow(ctx, env, k, service.TopicSpecs(cfg))
		}
		created, err := topics.Create(ctx, k.Client, service.TopicSpecs(cfg))
		l := c.List(env.Terminal, "TOPIC", "PARTITIONS", "STATE")
		for _, t := range created {
			if err := addCreated(l, t); err != nil {
				return err
			}
		}
		return errors.Join(l.End(), err)
	})
}

func (c topicsCreate) grow(ctx context.Context, env *cli.Env, k *service.Kafka, specs []topics.Spec) error {
	l, err := c.Follow(env.Terminal, nil, "TOPIC", "PARTITIONS", "STATE")
	if err != nil {
		return err
	}
	return topics.Grow(ctx, k.Client, specs, *c.Partitions, func(t topics.Created) error { return addCreated(l, t) })
}

func addCreated(l *terminal.List, t topics.Created) error {
	row := topicJSON{Topic: t.Topic, Partitions: t.Partitions, State: stateOf(t)}
	return l.Add(row, row.Topic, strconv.Itoa(row.Partitions), row.State)
}

func stateOf(t topics.Created) string {
	switch {
	case t.Created:
		return "created"
	case t.Before > 0:
		return fmt.Sprintf("had %d", t.Before)
	}
	return "exists"
}

// topicJSON is a topic for programs.
type topicJSON struct {
	Topic      string `json:"topic"`
	Partitions int    `json:"partitions,omitempty"`
	State      string `json:"state"` // created, exists or "had 2" partitions; ok, warning or problem
	Text       string `json:"text,omitempty"`
}

type topicsCheck struct{ terminal.OutputFlag }

// Help returns what --help shows beside the flags.
func (topicsCheck) Help() string {
	return `Compares the topics with what the service needs so that no lead can be lost or get stuck. A retry
topic that retry.delays no longer names is checked too, and named in a warning.

Examples:
  leadhook topics check
  leadhook topics check && leadhook run`
}

// Run checks the topics and prints each problem.
func (c topicsCheck) Run(ctx context.Context, env *cli.Env) error {
	return env.WithKafka(ctx, func(cfg *config.Config, k *service.Kafka) error {
		specs := service.TopicSpecs(cfg)
		problems, err := topics.Check(ctx, k.Client, specs)
		if err != nil {
			return err
		}
		return c.show(env, problems, specs)
	})
}

// show lists the problems. If none of them is more than a warning, it also lists
// the topics that are all right.
func (c topicsCheck) show(env *cli.Env, problems []topics.Problem, specs []topics.Spec) error {
	l := c.List(env.Terminal)
	bad := false
	for _, p := range problems {
		row := topicJSON{Topic: p.Topic, State: "warning", Text: p.Text}
		if !p.Warning {
			row.State, bad = "problem", true
		}
		if err := l.Add(row, row.State+": "+row.Text); err != nil {
			return err
		}
	}
	if bad {
		return errors.Join(l.End(), terminal.ErrShown)
	}
	for _, s := range specs {
		if err := l.Add(topicJSON{Topic: s.Name, State: "ok"}, "ok: "+s.Name); err != nil {
			return err
		}
	}
	return l.End()
}
