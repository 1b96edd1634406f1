// Package follow keeps a process and Redis up with the topic of webhooks: it knows the
// log's epoch, fills the shares in Redis from the topic, repairs what a writer that lost
// left behind, and tells whether everything that was acknowledged up to a moment has been
// seen here.
//
// The rules are those that random schedules were tried on; where one looks as if it could
// be left out, a schedule broke without it. The package does not know what a webhook is.
package follow

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/shares"
	"github.com/leadhook/leadhook/webhook/topic"
)

// ErrNotBegun is the error of following a topic in which the first webhooks are not, or not
// all, yet. It does not mean that advertisers have no webhooks.
var ErrNotBegun = errors.New("no webhooks were ever seeded: run leadhook seed FILE")

// ErrWentBack is the error of following a topic that lost records that were acknowledged,
// or was made anew. Redis may still have what the topic lost.
var ErrWentBack = errors.New("the topic of webhooks lost records or was made anew:" +
	" run leadhook webhooks recover, which publishes again what Redis still has")

// A Topic is the topic of webhooks: a [topic.Topic], or what tests have in its place.
type Topic interface {
	Start(ctx context.Context) (int64, error)
	End(ctx context.Context) (int64, error)
	Fetch(ctx context.Context, from int64, wait time.Duration, maxBytes int) (topic.Chunk, error)
	Append(ctx context.Context, records []topic.Record) error
	Close() error
}

// A Log is the topic of webhooks and the shares in Redis that are filled from it. It is
// safe for concurrent use.
type Log struct {
	Topic  Topic
	Shares *shares.Shares
	Boxes  entry.Boxes

	mu     sync.Mutex
	opened opened // guarded by mu
}

// fetchBytes is about how much of the topic is held in memory while it is read.
const fetchBytes = 4 << 20

// end returns the end of the topic.
func (l *Log) end(ctx context.Context) (int64, error) {
	end, err := l.Topic.End(ctx)
	if err != nil {
		return 0, unread(err)
	}
	return end, nil
}

// unread returns the error of not being able to read the topic.
func unread(cause error) error { return fmt.Errorf("reading the topic of webhooks: %w", cause) }

// filledBeyond returns the [ErrWentBack] of a share that was filled beyond the topic's end.
func filledBeyond(applied, end int64) error {
	return fmt.Errorf("%w (Redis has it up to %d, the topic ends at %d)", ErrWentBack, applied, end)
}

// filledOtherwise returns the [ErrWentBack] of a share that was last filled with another
// record of that offset than the topic has.
func filledOtherwise(offset int64) error {
	return fmt.Errorf("%w (record %d is another one than Redis was filled with)", ErrWentBack, offset)
}

// Records yields the records from an offset to the end that the log has when it gets
// there. After an error nothing more is yielded.
func (l *Log) Records(ctx context.Context, from int64) func(yield func(*topic.Record, error) bool) {
	return func(yield func(*topic.Record, error) bool) {
		for {
			chunk, err := l.Topic.Fetch(ctx, from, 0, fetchBytes)
			if err != nil {
				yield(nil, unread(err))
				return
			}
			for i := range chunk.Records {
				if !yield(&chunk.Records[i], nil) {
					return
				}
			}
			if from = chunk.Next; from >= chunk.End {
				return
			}
		}
	}
}
