package samplecrm

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/leadhook/leadhook/internal/wait"
)

const (
	maxStreams      = 32                     // concurrent ones
	streamPause     = 200 * time.Millisecond // between two messages, so that a browser can keep up
	streamKeepAlive = 15 * time.Second       // between two messages while nothing is new
	streamTimeout   = 10 * time.Second       // of a write to a client that does not read
)

// stream sends the page's state and then its changes, until the client leaves or
// does not read, or the CRM ends.
func (c *CRM) stream(w http.ResponseWriter, r *http.Request) {
	if c.streams.Add(1) > maxStreams {
		c.streams.Add(-1)
		http.Error(w, fmt.Sprintf("Too many pages are open (%d): close some.", maxStreams), http.StatusServiceUnavailable)
		return
	}
	defer c.streams.Add(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	text := "retry: 2000\n\n" // milliseconds until a disconnected page reconnects
	var seen position
	for {
		unseen, now, changed := c.state.since(seen)
		seen = now
		if err := writeMessage(w, text+unseen.message()); err != nil || !awaitChange(r.Context(), changed) {
			return
		}
		text = ""
	}
}

func writeMessage(w http.ResponseWriter, text string) error {
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Now().Add(streamTimeout))
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	return out.Flush()
}

// message returns the update as an event, or a comment if it is empty.
func (u update) message() string {
	if len(u.Leads) == 0 && u.Paths == nil {
		return ":\n\n"
	}
	text, _ := json.Marshal(u) // cannot fail: it has only strings, numbers, booleans and times
	return "data: " + string(text) + "\n\n"
}

// awaitChange blocks until there is something new, for at most streamKeepAlive. It
// returns false if ctx ended.
func awaitChange(ctx context.Context, changed <-chan struct{}) bool {
	keepAlive := time.NewTimer(streamKeepAlive)
	defer keepAlive.Stop()
	select {
	case <-changed:
	case <-keepAlive.C:
	case <-ctx.Done():
		return false
	}
	return wait.For(ctx, streamPause)
}
