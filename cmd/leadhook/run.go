package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/service"
)

// runCommand is `leadhook run`, the service.
type runCommand struct{}

// Help returns what --help shows beside the flags.
func (runCommand) Help() string {
	return `Reads leads from Kafka and POSTs each to the webhooks that want it, until it is told to stop
(SIGTERM or Ctrl-C: attempts in flight end first; a second signal ends it at once). Any number of
instances share the work. It waits while Kafka or Redis is away, and says so at /readyz.

Examples:
  leadhook run
  leadhook run --config /etc/leadhook.yaml
  LEADHOOK_KAFKA_BROKERS=kafka-1:9092,kafka-2:9092 leadhook run`
}

// Run serves until ctx ends.
func (runCommand) Run(ctx context.Context, env *cli.Env) error {
	loaded, err := env.Settings()
	if err != nil {
		return err
	}
	if err := checkFiles(openFiles(), loaded.Config.HTTP.MaxInFlight); err != nil {
		return &terminal.UsageError{Err: err}
	}
	log, err := service.NewLog(loaded.Config.Log, env.Stderr)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }() // standard error cannot be synced, and returns an error
	s, err := service.New(&loaded.Config, log, env.Version)
	if err != nil {
		return &terminal.UsageError{Err: err}
	}
	ballast := collectRarely()
	defer runtime.KeepAlive(ballast)
	limitHeap(loaded.Config.HeapLimit(), ballast)
	log.Info("starting", starting(&loaded.Config, env.Version, ballast)...)
	if err := s.Run(ctx); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// filesFor returns how many files the process may have open at least: one for each
// attempt, half as many for idle connections, and those for Kafka, Redis and
// whoever reads metrics.
func filesFor(maxInFlight int) int { return maxInFlight + maxInFlight/2 + 256 }

// checkFiles returns an error if the process may open too few files. When most
// attempts are in flight they would fail, and so would Kafka, and it would look as
// if the CRMs were down.
func checkFiles(limit uint64, maxInFlight int) error {
	need := filesFor(maxInFlight)
	if limit >= uint64(need) {
		return nil
	}
	return fmt.Errorf("this process may open %d files, and http.max_in_flight %d needs %d: raise the limit"+
		" (ulimit -Hn; LimitNOFILE= of systemd; --ulimit of Docker), or lower http.max_in_flight or memory", limit, maxInFlight, need)
}

// collectRarely lets the heap grow by half of what is in use, plus 32 MiB, unless GOGC
// is set. While little is in use, garbage collection takes a tenth of the CPU of a
// lead with Go's default; and while much is, that would need as much memory again.
//
// The caller must keep the result alive: its 64 MiB count as in use, so that the heap
// may grow by half of them. They take no memory, since they are never written.
func collectRarely() (ballast []byte) {
	const percent, size = 50, 64 << 20
	if os.Getenv("GOGC") != "" {
		return nil
	}
	debug.SetGCPercent(percent)
	return make([]byte, size)
}

// limitHeap makes the runtime collect garbage earlier when the heap comes near the
// limit, which does not count the ballast. GOMEMLIMIT, if set, stays in force.
func limitHeap(bytes int64, ballast []byte) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes + int64(len(ballast)))
	}
}

// starting returns what the log says at the start: the memory, and what it is
// divided into.
func starting(cfg *config.Config, version string, ballast []byte) []zap.Field {
	return []zap.Field{
		zap.String("version", version),
		zap.Int("memory", cfg.Memory),
		zap.Int64("heap_limit", debug.SetMemoryLimit(-1)-int64(len(ballast))), // -1 leaves it as it is
		zap.Int("max_in_flight", cfg.HTTP.MaxInFlight),
		zap.Int("open_events", cfg.Consumer.OpenEvents),
		zap.Int("open_bytes", cfg.Consumer.OpenBytes),
	}
}
