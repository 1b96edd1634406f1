package terminal

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// ReadInput reads a file, or standard input for "-", of at most limit bytes.
// It also returns the name of the input for messages.
func (t *Terminal) ReadInput(ctx context.Context, name string, limit int64) (data []byte, shown string, err error) {
	if name == "-" {
		shown = "standard input"
		data, err = t.readStdin(ctx, limit)
	} else {
		shown = name
		data, err = readFile(name, limit)
	}
	if err == nil && int64(len(data)) > limit {
		err = tooLarge(shown, limit)
	}
	return data, shown, err
}

func tooLarge(shown string, limit int64) error {
	return fmt.Errorf("%s is larger than %d MiB: split it", shown, limit>>20)
}

// readFile reads at most one byte more than the limit.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var data bytes.Buffer
	if info, err := f.Stat(); err == nil {
		if info.Size() > limit {
			return nil, tooLarge(name, limit) // without reading it all first
		}
		data.Grow(int(info.Size()) + bytes.MinRead) // so that it is not copied as it grows
	}
	_, err = data.ReadFrom(io.LimitReader(f, limit+1))
	return data.Bytes(), err
}

// readStdin does the same with standard input. That may never end: readStdin prints
// that it is waiting, and returns when ctx ends. The read itself cannot be
// interrupted: its goroutine stays until the process ends.
func (t *Terminal) readStdin(ctx context.Context, limit int64) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(io.LimitReader(t.Stdin, limit+1))
		done <- result{data, err}
	}()
	patience := time.After(time.Second)
	for {
		select {
		case r := <-done:
			return r.data, r.err
		case <-patience:
			fmt.Fprintln(t.Stderr, "reading standard input to its end (Ctrl-D in a terminal)")
		case <-ctx.Done():
			return nil, fmt.Errorf("standard input: interrupted: %w", context.Cause(ctx))
		}
	}
}
