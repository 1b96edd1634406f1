package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/lead"
)

// An eventSource has a number of events, which it makes or looks up on demand.
type eventSource struct {
	len int
	get func(i int) (key string, value []byte)
	// name returns a name of the event for people.
	name func(i int) string
}

func (c Command) events(ctx context.Context, env *cli.Env, maxBytes int) (eventSource, error) {
	if c.Sample != "" {
		return c.samples()
	}
	return readEvents(ctx, env, c.Files, maxBytes)
}

// A foundEvent is one event of an input.
type foundEvent struct {
	name, key string
	value     []byte
}

// readEvents reads and checks all inputs. The error has every fault in them.
func readEvents(ctx context.Context, env *cli.Env, files []string, maxBytes int) (eventSource, error) {
	if len(files) == 0 {
		files = []string{"-"}
	}
	var found []foundEvent
	var errs []error
	for _, name := range files {
		data, shown, err := env.ReadInput(ctx, name, cli.MaxInput)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		values, err := splitEvents(data)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: event %d: %w", shown, len(values)+1, err))
		case len(values) == 0:
			fmt.Fprintf(env.Stderr, "%s: no events in it\n", shown)
		}
		for i, value := range values {
			e := foundEvent{name: fmt.Sprintf("%s: event %d", shown, i+1), value: value}
			if e.key, err = checkEvent(value, maxBytes); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", e.name, err))
			}
			found = append(found, e)
		}
	}
	if err := firstFaults(errs); err != nil {
		return eventSource{}, fmt.Errorf("nothing was published:\n%w", err)
	}
	return eventSource{
		len:  len(found),
		get:  func(i int) (string, []byte) { return found[i].key, found[i].value },
		name: func(i int) string { return found[i].name },
	}, nil
}

// firstFaults joins the first errors, and counts the others.
func firstFaults(errs []error) error {
	const shown = 20
	if more := len(errs) - shown; more > 0 {
		errs = append(errs[:shown:shown], fmt.Errorf("and %d more", more))
	}
	return errors.Join(errs...)
}

// splitEvents splits one JSON document, an array, or JSON lines.
func splitEvents(data []byte) ([][]byte, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	var values [][]byte
	in := json.NewDecoder(bytes.NewReader(data))
	for {
		var value json.RawMessage
		switch err := in.Decode(&value); {
		case errors.Is(err, io.EOF):
			return values, nil
		case err != nil:
			return values, notJSON(data, err)
		case value[0] != '[':
			values = append(values, value)
			continue
		}
		var elements []json.RawMessage
		if err := json.Unmarshal(value, &elements); err != nil {
			return values, err
		}
		for _, e := range elements {
			values = append(values, e)
		}
	}
}

// notJSON returns an error with the line of the fault. It quotes nothing of the
// event.
func notJSON(data []byte, err error) error {
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return errors.New("not JSON: it breaks off at the end of the input")
	}
	before := data[:min(max(syntax.Offset-1, 0), int64(len(data)))]
	return fmt.Errorf("not JSON: see line %d of the input", 1+bytes.Count(before, []byte("\n")))
}

// checkEvent checks an event and returns its advertiser, which is the record's key.
func checkEvent(value []byte, maxBytes int) (string, error) {
	if len(value) > maxBytes {
		return "", fmt.Errorf("%d bytes, at most %d are allowed (kafka.max_event_bytes)", len(value), maxBytes)
	}
	ev, err := lead.Decode(value)
	if err != nil {
		return "", err
	}
	return ev.AdvertiserID, nil
}
