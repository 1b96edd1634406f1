package dlq

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
)

// A ReplayResult is what a replay has done, or would do.
type ReplayResult struct {
	DryRun        bool           `json:"dry_run,omitempty"`
	Chosen        int            `json:"chosen"`    // to be replayed
	Replayed      int            `json:"replayed"`  // of these, published
	Failed        int            `json:"failed"`    // of these, not acknowledged
	Delivered     int            `json:"delivered"` // passed over: a CRM has taken them
	Again         int            `json:"already_replayed"`
	NotReplayable map[string]int `json:"not_replayable,omitempty"` // by reason
	Seconds       float64        `json:"seconds,omitempty"`        // since the first was published
}

// add counts letters, and returns those that are to be replayed. It reports whether
// the limit is reached; a limit of zero means no limit.
func (r *ReplayResult) add(letters []deadletter.Letter, decisions []decision, limit int) (chosen []deadletter.Letter, enough bool) {
	for i := range letters {
		if limit > 0 && r.Chosen == limit {
			return chosen, true
		}
		switch decisions[i] {
		case replay:
			r.Chosen++
			chosen = append(chosen, letters[i])
		case delivered:
			r.Delivered++
		case again:
			r.Again++
		case unreadable:
			r.not(string(letters[i].Reason))
		case newer:
			r.not("of_a_later_version")
		case tooOften:
			r.not(fmt.Sprintf("replayed_%d_times", lead.MaxReplays))
		case forgotten:
			r.not("beyond_ledger")
		}
	}
	return chosen, limit > 0 && r.Chosen == limit
}

func (r *ReplayResult) not(reason string) {
	if r.NotReplayable == nil {
		r.NotReplayable = map[string]int{}
	}
	r.NotReplayable[reason]++
}

// write writes the result for people.
func (r *ReplayResult) write(out io.Writer) error {
	var text strings.Builder
	switch took := time.Duration(r.Seconds * float64(time.Second)); {
	case r.DryRun:
		fmt.Fprintf(&text, "would replay %s\n", terminal.Counted(r.Chosen, "dead letter"))
	case took < time.Second: // what went out in a moment has no rate
		fmt.Fprintf(&text, "replayed %s\n", terminal.Counted(r.Replayed, "dead letter"))
	default:
		fmt.Fprintf(&text, "replayed %s in %v (%.0f/s)\n", terminal.Counted(r.Replayed, "dead letter"), took.Round(100*time.Millisecond), float64(r.Replayed)/r.Seconds)
	}
	line := func(n int, what string) {
		if n > 0 {
			fmt.Fprintf(&text, "%d %s\n", n, what)
		}
	}
	line(r.Failed, "not acknowledged by Kafka, and perhaps not published")
	line(r.Delivered, "passed over: delivered already")
	line(r.Again, "passed over: replayed already")
	for _, reason := range slices.Sorted(maps.Keys(r.NotReplayable)) {
		line(r.NotReplayable[reason], "not replayable: "+reason)
	}
	_, err := io.WriteString(out, text.String())
	return err
}
