// Withservers starts a Kafka and a Redis and runs a command that uses them. It names
// them in LEADHOOK_TEST_KAFKA (host:port) and LEADHOOK_TEST_REDIS (a URL):
//
//	go run ./internal/realstack/withservers go test -tags real ./...
//
// If a variable is already set, the command uses that server, and withservers does
// not start one. The exit code is the command's. If the command fails, withservers
// prints the last lines of the servers that it started.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/leadhook/leadhook/internal/realstack"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: withservers COMMAND [ARGUMENT...]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "withservers:", err)
		os.Exit(exitCode(err))
	}
}

// exitCode returns the command's exit code if the command failed, and else 1.
func exitCode(err error) int {
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(1, failed.ExitCode())
	}
	return 1
}

// A server was started here and must be ended.
type server interface {
	Log() string
	Close() error
}

func run(ctx context.Context, argv []string) (err error) {
	servers := map[string]server{}
	defer func() {
		for name, s := range servers {
			if err != nil {
				fmt.Fprintf(os.Stderr, "--- last lines of %s\n%s\n", name, s.Log())
			}
			err = errors.Join(err, s.Close())
		}
	}()
	env := os.Environ()
	if os.Getenv(realstack.KafkaVariable) == "" {
		k, err := realstack.StartKafka(ctx, realstack.KafkaOptions{})
		if err != nil {
			return err
		}
		servers["Kafka"] = k
		env = append(env, realstack.KafkaVariable+"="+k.Addr())
	}
	if os.Getenv(realstack.RedisVariable) == "" {
		r, err := realstack.StartRedis(ctx, realstack.RedisOptions{})
		if err != nil {
			return err
		}
		servers["Redis"] = r
		env = append(env, realstack.RedisVariable+"="+r.URL())
	}
	return command(ctx, argv, env)
}

// command runs the command to its end. When ctx ends, it sends a SIGTERM to it.
func command(ctx context.Context, argv, env []string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the purpose is to run this command
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	return cmd.Run()
}
