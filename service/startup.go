package service

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/topics"
)

// check asks whether Kafka's topics and Redis are such that nothing can get
// lost or stall.
func (s *Service) check(ctx context.Context) error {
	problems, err := topics.Check(ctx, s.Kafka.Client, TopicSpecs(s.cfg))
	if err != nil {
		return err
	}
	var faults []error
	var warnings []zap.Field
	for _, p := range problems {
		if p.Warning {
			warnings = append(warnings, zap.String("warning", p.Text))
			continue
		}
		faults = append(faults, errors.New(p.Text))
	}
	err = errors.Join(append(faults, s.Store.CheckEviction(ctx))...)
	if err == nil && len(warnings) > 0 { // once, when nothing keeps it from starting
		s.log.Warn("the topics work, but are not as the settings say", warnings...)
	}
	return err
}

// A startup is what must be right before the first lead is read.
type startup struct {
	mu    sync.Mutex
	wrong error    // guarded by mu; nil once all was right
	right bool     // guarded by mu
	said  []string // guarded by mu; causes that were logged
}

// await repeats check with back-off until it finds nothing wrong, and returns
// false if ctx ended first. It logs each new cause once.
func (f *startup) await(ctx context.Context, check func(context.Context) error, log *zap.Logger) bool {
	wait := backoff.NewExponentialBackOff(backoff.WithInitialInterval(200*time.Millisecond),
		backoff.WithMaxInterval(5*time.Second), backoff.WithMaxElapsedTime(0))
	err := backoff.RetryNotify(func() error { return check(ctx) }, backoff.WithContext(wait, ctx),
		func(err error, _ time.Duration) {
			if f.note(err) && ctx.Err() == nil {
				log.Warn("cannot start reading yet, trying on", zap.Error(err))
			}
		})
	if err != nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.right, f.wrong = true, nil
	return true
}

// note keeps the cause, and says whether it is one to log. Of several brokers
// that are away each is a cause of its own, and they come by turns, for hours.
func (f *startup) note(err error) bool {
	const remembered = 20 // a cause can have a number in it that is always another
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wrong = err
	if slices.Contains(f.said, err.Error()) {
		return false
	}
	f.said = append(f.said[max(0, len(f.said)-remembered+1):], err.Error())
	return true
}

// errStarting is the cause before the first answer of Kafka and Redis.
var errStarting = errors.New("Kafka and Redis have not been asked yet")

func (f *startup) ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.right && f.wrong == nil {
		return errStarting
	}
	return f.wrong
}
