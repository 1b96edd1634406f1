package dlq

import (
	"strconv"
	"time"

	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
)

// letterHeading is the heading of the columns that list and tail both show.
var letterHeading = []string{"ADVERTISER", "WEBHOOK", "LEAD", "REASON", "ATTEMPTS", "STATUS", "ERROR"}

// letterSpare are the columns that a narrow terminal does not show. The error
// mostly contains the status.
var letterSpare = []string{"ATTEMPTS", "LEAD", "ADVERTISER", "STATUS", "NOW"}

func letterCells(l *deadletter.Letter) []string {
	return []string{
		terminal.Dash(l.Advertiser), terminal.Dash(l.Webhook), terminal.Dash(l.LeadID), string(l.Reason), strconv.Itoa(l.Attempts),
		terminal.Dash(terminal.Number(l.Status)), terminal.Dash(l.Error),
	}
}

// letterJSON is a dead letter for programs. The names are those of the record
// headers.
type letterJSON struct {
	Time          time.Time `json:"time"`
	Advertiser    string    `json:"advertiser,omitempty"`
	Webhook       string    `json:"webhook,omitempty"`
	Delivery      string    `json:"delivery,omitempty"`
	LeadID        string    `json:"lead_id,omitempty"`
	Reason        string    `json:"reason"`
	Error         string    `json:"error,omitempty"`
	Attempts      int       `json:"attempts"`
	Status        int       `json:"status,omitempty"`
	Evidence      string    `json:"evidence,omitempty"`
	Host          string    `json:"host,omitempty"`
	Answer        string    `json:"answer,omitempty"`
	Location      string    `json:"location,omitempty"`
	Record        string    `json:"record,omitempty"`
	Replays       int       `json:"replays,omitempty"`
	Now           lead.Fate `json:"now,omitempty"`
	Received      time.Time `json:"received,omitzero"`
	FirstAttempt  time.Time `json:"first_attempt,omitzero"`
	LastAttempt   time.Time `json:"last_attempt,omitzero"`
	FirstDeferral time.Time `json:"first_deferral,omitzero"`
	Step          int       `json:"step,omitempty"`
	Partition     int       `json:"partition"`
	Offset        int64     `json:"offset"`
	Bytes         int       `json:"bytes"`
}

func newLetterJSON(l *deadletter.Letter) letterJSON {
	return letterJSON{
		Time: l.Buried.UTC(), Advertiser: l.Advertiser, Webhook: l.Webhook, Delivery: l.Delivery, LeadID: l.LeadID,
		Reason: string(l.Reason), Error: l.Error, Attempts: l.Attempts, Status: l.Status,
		Evidence: string(l.Evidence), Host: l.Host, Answer: l.Answer, Location: l.Location, Record: l.Record, Replays: l.Replays, Received: l.Received.UTC(),
		FirstAttempt: l.FirstAttempt.UTC(), LastAttempt: l.LastAttempt.UTC(), FirstDeferral: l.FirstDeferral.UTC(),
		Step: l.Step, Partition: l.Partition, Offset: l.Offset, Bytes: l.Size,
	}
}
