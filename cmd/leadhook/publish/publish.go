// Package publish is `leadhook publish`: it publishes lead events to Kafka, those of
// files or invented ones.
package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/cmd/leadhook/samplelead"
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/producer"
	"github.com/leadhook/leadhook/service"
)

// Command is `leadhook publish`.
type Command struct {
	Files      []string     `arg:"" optional:"" name:"file" complete:"file" help:"Files with events: one JSON document, an array, or JSON lines; - (or nothing) is standard input."`
	Sample     lead.Kind    `enum:"call,chat,form,email," default:"" placeholder:"KIND" help:"Publish invented leads of this kind instead: call, chat, form or email. They are marked as test leads, and each has a lead.id of its own."`
	Advertiser string       `placeholder:"ID" complete:"advertiser" default:"${sampleAdvertiser}" help:"The samples' advertiser (default ${default})."`
	Spread     int          `placeholder:"N" help:"Spread the samples over N advertisers: the ID followed by 1 to N."`
	Trigger    lead.Trigger `enum:"new_contact,existing_contact,new_lead" default:"new_contact" help:"The samples' trigger: new_contact, or existing_contact (also called new_lead)."`
	Count      int          `default:"1" help:"Number of samples."`
	Rate       float64      `placeholder:"N" help:"Publish at most N events a second; by default as fast as Kafka takes them."`

	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (Command) Help() string {
	return `All events are checked before the first is published. The key of each is its advertiser. An event
counts as published when all in-sync replicas have it; after a failure the command says which ones are.

Examples:
  leadhook publish examples/events/form.json
  leadhook publish events.jsonl --rate 100
  produce-events | leadhook publish -
  leadhook publish --sample call --trigger existing_contact
  leadhook publish --sample form --count 20000 --advertiser USA_ --spread 1000`
}

// Run publishes the events.
func (c Command) Run(ctx context.Context, env *cli.Env) error {
	if err := c.check(); err != nil {
		return &terminal.UsageError{Err: err}
	}
	return env.WithKafka(ctx, func(cfg *config.Config, k *service.Kafka) error {
		if err := k.HasTopic(ctx, cfg.Kafka.Topic); err != nil {
			return err
		}
		events, err := c.events(ctx, env, cfg.Kafka.MaxEventBytes)
		if err != nil {
			return err
		}
		publisher := producer.NewPublisher(service.PublisherOptions(cfg.Kafka, k), nil, zap.NewNop())
		defer func() { _ = publisher.Close() }()
		run := publishing{
			env: env, publisher: publisher, topic: cfg.Kafka.Topic, patience: cfg.Kafka.Timeout,
			output: c.OutputFlag, events: events, limit: rate.NewLimiter(rate.Inf, 1), chunk: 1000,
		}
		if c.Rate > 0 {
			run.chunk = int(min(max(c.Rate/10, 1), 1000))
			run.limit = rate.NewLimiter(rate.Limit(c.Rate), run.chunk)
		}
		return run.all(ctx)
	})
}

func (c Command) check() error {
	switch {
	case c.Sample != "" && len(c.Files) > 0:
		return errors.New("publish: give files or --sample, not both")
	case c.Sample == "" && (c.Count != 1 || c.Spread != 0 || c.Advertiser != samplelead.Advertiser || c.Trigger != lead.NewContact):
		return errors.New("publish: --advertiser, --trigger, --count and --spread are for --sample: events have their own")
	case c.Count < 1, c.Spread < 0, !(c.Rate >= 0): // NaN is neither
		return errors.New("publish: --count must be at least 1, --spread and --rate not negative")
	case c.Sample != "":
		return c.checkSample()
	}
	return nil
}

// A publishing is one run of the command.
type publishing struct {
	env       *cli.Env
	publisher *producer.Publisher
	topic     string
	patience  time.Duration // for a chunk to be acknowledged
	output    terminal.OutputFlag
	events    eventSource
	limit     *rate.Limiter
	chunk     int
}

// all publishes chunk by chunk, up to the first that fails.
func (p *publishing) all(ctx context.Context) error {
	began := time.Now()
	show := terminal.NewProgress(p.env.Terminal, p.events.len)
	defer show.End()
	done := 0
	for first := 0; first < p.events.len; first += p.chunk {
		last := min(first+p.chunk, p.events.len)
		if err := p.limit.WaitN(ctx, last-first); err != nil {
			return p.partial(first, nil, fmt.Errorf("interrupted: %w", context.Cause(ctx)))
		}
		errs := p.publish(ctx, first, last)
		if err := errors.Join(errs...); err != nil {
			return p.partial(first, acknowledged(errs), cmp.Or(errs...))
		}
		done = last
		show.At(done)
	}
	show.End()
	return p.report(done, time.Since(began))
}

func (p *publishing) report(done int, took time.Duration) error {
	result := struct {
		Published int     `json:"published"`
		Seconds   float64 `json:"seconds"`
	}{done, took.Seconds()}
	return p.output.Show(p.env.Terminal, result, func(out io.Writer) error {
		events := "events"
		if done == 1 {
			events = "event"
		}
		_, err := fmt.Fprintf(out, "published %d %s in %v (%.0f/s)\n",
			done, events, took.Round(time.Millisecond), float64(done)/took.Seconds())
		return err
	})
}

func (p *publishing) publish(ctx context.Context, first, last int) []error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.patience, fmt.Errorf("not acknowledged within %v", p.patience))
	defer cancel()
	records := make([]producer.Record, 0, last-first)
	for i := first; i < last; i++ {
		key, value := p.events.get(i)
		records = append(records, producer.Record{Topic: p.topic, Partition: -1, Key: []byte(key), Value: value})
	}
	return p.publisher.PublishAll(ctx, records)
}

// partial returns an error that names every event that may not be published, so
// that these can be published again, and no others.
func (p *publishing) partial(first int, acked []bool, cause error) error {
	missing := runs(acked, func(i int) string { return p.events.name(first + i) })
	count := first
	for _, ok := range acked {
		if ok {
			count++
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "published %d of %d events", count, p.events.len)
	if len(missing) > 0 {
		fmt.Fprintf(&text, "; not acknowledged, and perhaps not published: %s", strings.Join(missing, ", "))
	}
	if next := first + len(acked); next < p.events.len {
		fmt.Fprintf(&text, "; not tried: %s and all after it", p.events.name(next))
	}
	return fmt.Errorf("%s: %w", text.String(), cause)
}

// runs returns the names of those that are not acknowledged, as ranges.
func runs(acked []bool, name func(i int) string) []string {
	var all []string
	for i := 0; i < len(acked); i++ {
		end := i
		for end < len(acked) && !acked[end] {
			end++
		}
		switch end - i {
		case 0:
		case 1:
			all = append(all, name(i))
		default:
			all = append(all, name(i)+" to "+name(end-1))
		}
		i = end
	}
	return all
}

func acknowledged(errs []error) []bool {
	acked := make([]bool, len(errs))
	for i, err := range errs {
		acked[i] = err == nil
	}
	return acked
}
