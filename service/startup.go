package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/ledger"
	"github.com/leadhook/leadhook/topics"
)

// check returns nil if the topics are set up so that nothing can get lost or stall.
// Otherwise the error has everything that is wrong. Redis is looked at by itself, all
// the time.
func (s *Service) check(ctx context.Context) error {
	problems, err := topics.Check(ctx, s.Kafka.Client, TopicSpecs(s.cfg))
	if err != nil {
		return err
	}
	var faults []error
	var warnings []zap.Field
	var missing []string
	for _, p := range problems {
		switch {
		case p.Missing:
			missing = append(missing, p.Topic)
		case p.Warning:
			warnings = append(warnings, zap.String("warning", p.Text))
		default:
			faults = append(faults, errors.New(p.Text))
		}
	}
	if len(missing) > 0 {
		faults = slices.Insert(faults, 0, fmt.Errorf("missing topics, or topics that this user may not see: %s;"+
			" `leadhook topics create` creates them", strings.Join(missing, ", ")))
	}
	err = errors.Join(faults...)
	if err != nil {
		return err
	}
	// What follows is logged once: check is not called again.
	if len(warnings) > 0 {
		s.log.Warn("topics differ from the settings", warnings...)
	}
	if kept := s.cfg.Topics.DeadLetterRetention; kept > ledger.HandedOnKept {
		s.log.Warn("dead letters are kept for longer than the ledger remembers them",
			zap.Duration("topics.dead_letter_retention", kept), zap.Duration("ledger", ledger.HandedOnKept))
	}
	return nil
}

// cannotStart is the log message while the check finds something wrong.
const cannotStart = "cannot start reading yet; retrying"

// A startup is the check before the first lead is read. The zero value is ready
// for use.
type startup struct {
	mu     sync.Mutex
	wrong  error    // guarded by mu; what the last check found; nil once it has passed
	passed bool     // guarded by mu
	logged []string // guarded by mu; the texts of the errors that were logged
}

// await repeats check with back-off until it finds nothing wrong, and returns
// false if ctx ended first. It logs each cause once, a reminder each minute, and
// the end.
func (s *startup) await(ctx context.Context, check func(context.Context) error, log *zap.Logger) bool {
	outage := wait.NewOutage(log, zapcore.WarnLevel, cannotStart, "start-up check passed")
	first := true // the outage logs the first error
	err := backoff.RetryNotify(func() error { return check(ctx) },
		backoff.WithContext(wait.Endless(200*time.Millisecond, 5*time.Second), ctx),
		func(err error, _ time.Duration) {
			fresh := s.note(err)
			if ctx.Err() != nil {
				return
			}
			if fresh && !first {
				log.Warn(cannotStart, zap.Error(err))
			}
			first = false
			outage.Failed(err)
		})
	if err != nil {
		return false
	}
	outage.Recovered()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passed, s.wrong = true, nil
	return true
}

// note keeps the error, and reports whether it should be logged: only if it was not
// logged lately. If several brokers cannot be reached, each has an error of its own, and
// these alternate for hours.
func (s *startup) note(err error) bool {
	const remembered = 20 // a cause may contain a number that differs each time
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = err
	if slices.Contains(s.logged, err.Error()) {
		return false
	}
	s.logged = append(s.logged[max(0, len(s.logged)-remembered+1):], err.Error())
	return true
}

// errStarting is what ready returns before the first answer of Kafka.
var errStarting = errors.New("Kafka has not answered yet")

// ready returns nil once the check has passed, and otherwise what it found last.
func (s *startup) ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.passed && s.wrong == nil {
		return errStarting
	}
	return s.wrong
}
