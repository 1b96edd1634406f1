package webhooks

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/seedfile"
)

// View is a webhook for programs: the fields as in a seed file, and the health
// that the service recorded.
type View struct {
	ID             string            `json:"id"`
	Advertiser     string            `json:"advertiser"`
	State          string            `json:"state"`
	URL            string            `json:"url,omitempty"`
	Authorization  string            `json:"authorization,omitempty"`
	AuthHeader     string            `json:"auth_header,omitempty"`
	Event          string            `json:"event,omitempty"`
	LeadTypes      []string          `json:"lead_types,omitempty"`
	Format         string            `json:"format,omitempty"`
	Active         bool              `json:"active"`
	SigningSecrets []string          `json:"signing_secrets,omitempty"`
	Headers        map[string]string `json:"headers,omitempty"`
	ContentType    string            `json:"content_type,omitempty"`
	ClientCert     string            `json:"client_cert,omitempty"`
	CA             string            `json:"ca,omitempty"`
	LegacyTLS      bool              `json:"legacy_tls,omitempty"`
	Rate           float64           `json:"rate,omitempty"`
	Answers        *lead.Answers     `json:"answers,omitempty"`
	VendorName     string            `json:"vendor_name,omitempty"`
	ProviderName   string            `json:"provider_name,omitempty"`
	Version        string            `json:"version,omitempty"`
	Failing        *failingView      `json:"failing,omitempty"`
	Waiting        *int              `json:"waiting,omitempty"` // leads that wait for it; nil if they were not counted
	LastFailure    *failureView      `json:"last_failure,omitempty"`
	Doubt          *doubtView        `json:"doubt,omitempty"`
	Disabled       *disabledView     `json:"disabled,omitempty"`
	Damaged        string            `json:"damaged,omitempty"`
}

type failingView struct {
	Since    time.Time `json:"since"`
	Attempts int       `json:"attempts"`
	Warned   time.Time `json:"warned,omitzero"`
}

type failureView struct {
	At     time.Time  `json:"at"`
	Cause  lead.Cause `json:"cause,omitempty"`
	Status int        `json:"status,omitempty"`
	Error  string     `json:"error,omitempty"`
	Answer string     `json:"answer,omitempty"`
}

type doubtView struct {
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
	Deliveries int       `json:"deliveries"`
}

type disabledView struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	Status int       `json:"status,omitempty"`
}

func viewOf(h *lead.Webhook, reveal bool) View {
	v := View{
		ID: h.ID, Advertiser: h.Advertiser, State: state(h), AuthHeader: h.AuthHeader, Event: string(h.Trigger),
		LeadTypes: h.LeadTypes.Names(), Format: string(h.Format), Active: h.Active, Rate: h.Rate, Answers: h.Answers,
		ContentType: h.ContentType, CA: h.CA, LegacyTLS: h.LegacyTLS, VendorName: h.VendorName, ProviderName: h.ProviderName, Version: h.Version, Damaged: h.Damaged,
	}
	for _, f := range webhook.Fields(h, reveal) {
		switch name, member, _ := strings.Cut(f.Name, "."); name {
		case "url":
			v.URL = f.Value
		case "authorization":
			v.Authorization = f.Value
		case "client_cert":
			v.ClientCert = f.Value
		case "signing_secrets":
			v.SigningSecrets = append(v.SigningSecrets, f.Value)
		case "headers":
			if v.Headers == nil {
				v.Headers = make(map[string]string)
			}
			v.Headers[member] = f.Value
		}
	}
	if f := h.Failing; !f.Since.IsZero() {
		v.Failing = &failingView{f.Since.UTC(), f.Attempts, f.Warned.UTC()}
	}
	if f := h.LastFailure; !f.At.IsZero() {
		v.LastFailure = &failureView{f.At.UTC(), f.Cause, f.Status, f.Error, f.Answer}
	}
	if d := h.Doubt; d.Deliveries > 0 {
		v.Doubt = &doubtView{d.First.UTC(), d.Last.UTC(), d.Deliveries}
	}
	if d := h.Disabled; !d.At.IsZero() {
		v.Disabled = &disabledView{d.At.UTC(), string(d.Reason), d.Status}
	}
	return v
}

// writeWebhook writes a webhook for people.
func writeWebhook(out io.Writer, h *lead.Webhook, reveal bool) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		fmt.Fprintf(table, "%s\t%s\n", terminal.Printable(name)+":", terminal.Printable(value))
	}
	line("id", h.ID)
	line("advertiser", h.Advertiser)
	line("state", stateInWords(h))
	if h.Damaged == "" {
		for _, f := range webhook.Fields(h, reveal) {
			if f.Name != "answers" {
				line(f.Name, f.Value)
			}
		}
	}
	for _, about := range healthInWords(h) {
		line(about[0], about[1])
	}
	if err := table.Flush(); err != nil || h.Answers == nil {
		return err
	}
	for text := range strings.Lines(seedfile.AnswersText(h.Answers, "")) {
		fmt.Fprintln(out, terminal.Printable(strings.TrimSuffix(text, "\n")))
	}
	return nil
}

func stateInWords(h *lead.Webhook) string {
	switch state(h) {
	case "damaged":
		return h.Damaged
	case "inactive":
		return "inactive, as its seed file or leadhook webhooks disable says: leads are not sent to it and not kept"
	case "disabled":
		return fmt.Sprintf("disabled by the service at %s: %s; leadhook webhooks enable, or any changed field, makes it active again",
			h.Disabled.At.UTC().Format(time.RFC3339), disabledInWords(h.Disabled))
	}
	return "active"
}

func disabledInWords(d lead.Disabled) string {
	if d.Reason == lead.Gone {
		return "its CRM answered 410 (Gone)"
	}
	why := "every attempt failed for three days"
	if d.Status != 0 {
		why += fmt.Sprintf(", the last one with status %d", d.Status)
	}
	return why
}

// healthInWords returns names and texts of what the service found out about a webhook.
func healthInWords(h *lead.Webhook) (lines [][2]string) {
	if f := h.Failing; !f.Since.IsZero() {
		lines = append(lines, [2]string{"failing", failingInWords(f)})
	}
	if f := h.LastFailure; !f.At.IsZero() {
		lines = append(lines, [2]string{"last failure", f.At.UTC().Format(time.RFC3339) + ": " + f.Error})
		if f.Answer != "" {
			lines = append(lines, [2]string{"last answer", f.Answer})
		}
	}
	if d := h.Doubt; d.Deliveries > 0 {
		lines = append(lines, [2]string{"in doubt", fmt.Sprintf("%s since %s, last at %s: the status says delivered, the answer failure; say in answers what they mean",
			terminal.Counted(d.Deliveries, "lead"), d.First.UTC().Format(time.RFC3339), d.Last.UTC().Format(time.RFC3339))})
	}
	return lines
}

func failingInWords(f lead.Failing) string {
	text := fmt.Sprintf("since %s, %s", f.Since.UTC().Format(time.RFC3339), terminal.Counted(f.Attempts, "attempt"))
	if !f.Warned.IsZero() {
		text += "; will be disabled a day after " + f.Warned.UTC().Format(time.RFC3339) + " unless it recovers"
	}
	return text
}
