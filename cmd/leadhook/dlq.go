package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/requeue"
)

// dlqCommand looks at the dead-letter topic, without joining any group.
type dlqCommand struct {
	List dlqList `cmd:"" help:"Show the newest dead letters, newest first."`
	Tail dlqTail `cmd:"" help:"Show dead letters as they arrive, until Ctrl-C."`
}

// Help is what --help says beyond the flags.
func (dlqCommand) Help() string {
	return `Examples:
  leadhook dlq list
  leadhook dlq tail --output json`
}

type dlqList struct {
	Limit int `short:"n" default:"20" help:"How many."`

	outputFlag
}

// Help is what --help says beyond the flags.
func (dlqList) Help() string {
	return `Examples:
  leadhook dlq list
  leadhook dlq list --limit 1000 --output json | jq -r .reason | sort | uniq -c`
}

// Run lists.
func (c dlqList) Run(ctx context.Context, w *world) error {
	if c.Limit < 1 {
		return &usageError{fmt.Errorf("dlq list: --limit must be at least 1")}
	}
	return w.withDeadLetters(ctx, func(reader *requeue.DeadLetterReader) error {
		letters, err := reader.List(ctx, c.Limit)
		if err != nil {
			return err
		}
		if len(letters) == 0 {
			fmt.Fprintln(w.stderr, "no dead letters")
		}
		l := c.list(w, letterHeading...)
		for i := range letters {
			if err := addLetter(l, &letters[i]); err != nil {
				return err
			}
		}
		return l.end()
	})
}

type dlqTail struct {
	Limit int `short:"n" default:"10" help:"How many of the newest to show first."`

	outputFlag
}

// Help is what --help says beyond the flags.
func (dlqTail) Help() string {
	return `Examples:
  leadhook dlq tail
  leadhook dlq tail --limit 0 --output json`
}

// Run follows until ctx ends.
func (c dlqTail) Run(ctx context.Context, w *world) error {
	if c.Limit < 0 {
		return &usageError{fmt.Errorf("dlq tail: --limit must not be negative")}
	}
	return w.withDeadLetters(ctx, func(reader *requeue.DeadLetterReader) error {
		l, err := c.follow(w, letterHeading...)
		if err != nil {
			return err
		}
		for letter, err := range reader.Tail(ctx, c.Limit) {
			if err == nil {
				err = addLetter(l, &letter)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) withDeadLetters(ctx context.Context, do func(*requeue.DeadLetterReader) error) error {
	return w.withKafka(ctx, func(cfg *config.Config, k *kafkaConn) error {
		log, err := newLog(config.Log{Level: "warn", Format: "console"}, w)
		if err != nil {
			return err
		}
		defer func() { _ = log.Sync() }()
		topic := requeue.DeadLetterTopic(cfg.Kafka.Topic)
		return do(requeue.NewDeadLetterReader(k.client, topic, log))
	})
}

// letterHeading has a TIME as wide as time.DateTime: in tail, it is written
// before it is known what comes below.
var letterHeading = []string{"TIME               ", "ADVERTISER", "WEBHOOK", "LEAD", "REASON", "ATTEMPTS", "STATUS", "ERROR"}

func addLetter(to *list, l *requeue.Letter) error {
	return to.add(newLetterJSON(l), l.Buried.Local().Format(time.DateTime), dash(l.Advertiser), dash(l.Webhook),
		dash(l.LeadID), string(l.Reason), strconv.Itoa(l.Attempts), dash(number(l.Status)), dash(l.Error))
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// number leaves out what does not apply, which is zero.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// letterJSON is a dead letter for programs. Names are those of the headers.
type letterJSON struct {
	Time         time.Time  `json:"time"`
	Advertiser   string     `json:"advertiser,omitempty"`
	Webhook      string     `json:"webhook,omitempty"`
	Delivery     string     `json:"delivery,omitempty"`
	LeadID       string     `json:"lead_id,omitempty"`
	Reason       string     `json:"reason"`
	Error        string     `json:"error,omitempty"`
	Attempts     int        `json:"attempts"`
	Status       int        `json:"status,omitempty"`
	Evidence     string     `json:"evidence,omitempty"`
	Replays      int        `json:"replays,omitempty"`
	Received     *time.Time `json:"received,omitempty"`
	FirstAttempt *time.Time `json:"first_attempt,omitempty"`
	LastAttempt  *time.Time `json:"last_attempt,omitempty"`
	Partition    int        `json:"partition"`
	Offset       int64      `json:"offset"`
	Bytes        int        `json:"bytes"`
}

func newLetterJSON(l *requeue.Letter) letterJSON {
	return letterJSON{
		Time: l.Buried.UTC(), Advertiser: l.Advertiser, Webhook: l.Webhook, Delivery: l.Delivery, LeadID: l.LeadID,
		Reason: string(l.Reason), Error: l.Error, Attempts: l.Attempts, Status: l.Status,
		Evidence: string(l.Evidence), Replays: l.Replays, Received: known(l.Received),
		FirstAttempt: known(l.FirstAttempt), LastAttempt: known(l.LastAttempt),
		Partition: l.Partition, Offset: l.Offset, Bytes: l.Size,
	}
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}
