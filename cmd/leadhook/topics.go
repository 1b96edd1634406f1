package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/topics"
)

// topicsCommand creates and checks the topics.
type topicsCommand struct {
	Create topicsCreate `cmd:"" help:"Create the topics that are missing; never changes one that exists."`
	Check  topicsCheck  `cmd:"" help:"Show what is missing or too small; exit 1 if anything is."`
}

// Help returns what --help shows beside the flags.
func (topicsCommand) Help() string {
	return `Examples:
  leadhook topics create
  leadhook topics check`
}

type topicsCreate struct{ terminal.OutputFlag }

// Help returns what --help shows beside the flags.
func (topicsCreate) Help() string {
	return `There is a topic of the leads, one of the dead letters, a retry topic for each of retry.delays, and one
of the webhooks. Partitions, replication and retention come from the settings (topics.…); a retry
topic keeps records for its delay and a week. That of the webhooks has one partition and is compacted:
Kafka keeps the newest record of each advertiser for ever.

Examples:
  leadhook topics create
  LEADHOOK_TOPICS_PARTITIONS=48 LEADHOOK_TOPICS_REPLICATION_FACTOR=3 leadhook topics create`
}

// Run creates what is missing.
func (c topicsCreate) Run(ctx context.Context, env *cli.Env) error {
	return env.WithKafka(ctx, func(cfg *config.Config, k *service.Kafka) error {
		created, err := topics.Create(ctx, k.Client, service.TopicSpecs(cfg))
		return errors.Join(c.show(env, created), err)
	})
}

func (c topicsCreate) show(env *cli.Env, created []topics.Created) error {
	l := c.List(env.Terminal, "TOPIC", "PARTITIONS", "STATE")
	for _, t := range created {
		row := topicJSON{Topic: t.Topic, Partitions: t.Partitions, State: "exists"}
		if t.Created {
			row.State = "created"
		}
		if err := l.Add(row, row.Topic, strconv.Itoa(row.Partitions), row.State); err != nil {
			return err
		}
	}
	return l.End()
}

// topicJSON is a topic for programs.
type topicJSON struct {
	Topic      string `json:"topic"`
	Partitions int    `json:"partitions,omitempty"`
	State      string `json:"state"` // created or exists; ok, warning or problem
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
