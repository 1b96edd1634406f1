package devstack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	streams    = 32                     // at most, at once
	streamRest = 200 * time.Millisecond // between two messages, so that a page can follow a flood
	streamSign = 15 * time.Second       // of life, when there is nothing new
	streamWait = 10 * time.Second       // for a reader that does not read
)

// stream sends what is on the board, and then what is new, until the reader
// goes, or does not read, or the CRM ends.
func (c *CRM) stream(w http.ResponseWriter, r *http.Request) {
	if c.streams.Add(1) > streams {
		c.streams.Add(-1)
		http.Error(w, fmt.Sprintf("%d pages are open: close some.", streams), http.StatusServiceUnavailable)
		return
	}
	defer c.streams.Add(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	text := "retry: 2000\n\n" // milliseconds until a page that has lost its CRM asks again
	var seen cursor
	for {
		unseen, now, changed := c.board.since(seen)
		seen = now
		if err := send(w, text+unseen.message()); err != nil || !await(r.Context(), changed) {
			return
		}
		text = ""
	}
}

func send(w http.ResponseWriter, text string) error {
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Now().Add(streamWait))
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	return out.Flush()
}

// message is the news as an event, or a comment if there is none.
func (n news) message() string {
	if len(n.Leads) == 0 && n.Paths == nil {
		return ":\n\n"
	}
	text, _ := json.Marshal(n) // of nothing but text and numbers
	return "data: " + string(text) + "\n\n"
}

// await waits for a change, not for ever, and says whether ctx goes on.
func await(ctx context.Context, changed <-chan struct{}) bool {
	sign := time.NewTimer(streamSign)
	defer sign.Stop()
	select {
	case <-changed:
	case <-sign.C:
	case <-ctx.Done():
		return false
	}
	return sleep(ctx, streamRest)
}
