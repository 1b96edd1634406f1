package main

import (
	"context"
	"fmt"

	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/requeue"
)

// topicsCommand makes and checks the topics.
type topicsCommand struct {
	Create topicsCreate `cmd:"" help:"Create the topics that are missing; never changes one that exists."`
	Check  topicsCheck  `cmd:"" help:"Say what is missing or too small; exit 1 if anything is."`
}

// Help is what --help says beyond the flags.
func (topicsCommand) Help() string {
	return `Examples:
  leadhook topics create
  leadhook topics check`
}

type topicsCreate struct{}

// Help is what --help says beyond the flags.
func (topicsCreate) Help() string {
	return `There is a topic of the leads, one of the dead letters, and a retry topic for each of retry.delays.
Partitions, replication and retention come from the settings (topics.…); a retry topic keeps records
for its delay and a week.

Examples:
  leadhook topics create
  LEADHOOK_TOPICS_PARTITIONS=48 LEADHOOK_TOPICS_REPLICATION_FACTOR=3 leadhook topics create`
}

// Run creates what is missing.
func (topicsCreate) Run(ctx context.Context, w *world) error {
	return w.withKafka(ctx, func(cfg *config.Config, k *kafkaConn) error {
		created, err := requeue.CreateTopics(ctx, k.client, topicSpecs(cfg))
		for _, c := range created {
			what := "exists"
			if c.Created {
				what = "created"
			}
			fmt.Fprintf(w.stdout, "%-8s %s (%d partitions)\n", what, c.Topic, c.Partitions)
		}
		return err
	})
}

type topicsCheck struct{}

// Help is what --help says beyond the flags.
func (topicsCheck) Help() string {
	return `Compares the topics with what the service needs so that no lead can be lost or get stuck. A retry
topic that retry.delays does not name any more is checked too, and named in a warning.

Examples:
  leadhook topics check
  leadhook topics check && leadhook run`
}

// Run checks the topics and prints each problem.
func (topicsCheck) Run(ctx context.Context, w *world) error {
	return w.withKafka(ctx, func(cfg *config.Config, k *kafkaConn) error {
		specs := topicSpecs(cfg)
		problems, err := requeue.CheckTopics(ctx, k.client, specs)
		if err != nil {
			return err
		}
		bad := false
		for _, p := range problems {
			level := "warning"
			if !p.Warning {
				level, bad = "problem", true
			}
			fmt.Fprintf(w.stdout, "%s: %s\n", level, p.Text)
		}
		if bad {
			return errSaid
		}
		for _, s := range specs {
			fmt.Fprintf(w.stdout, "ok: %s\n", s.Name)
		}
		return nil
	})
}

// withKafka loads the settings, makes sure that Kafka answers, and calls do.
func (w *world) withKafka(ctx context.Context, do func(*config.Config, *kafkaConn) error) error {
	loaded, err := w.settings()
	if err != nil {
		return err
	}
	k, err := connectKafka(loaded.Config.Kafka)
	if err != nil {
		return &usageError{err}
	}
	defer k.close()
	if err := k.reach(ctx, loaded.Config.Kafka); err != nil {
		return err
	}
	return do(&loaded.Config, k)
}
