package webhooks

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/lead/scrub"
	"github.com/leadhook/leadhook/webhook"
)

// TrialView is a test of a webhook for programs.
type TrialView struct {
	Webhook    string       `json:"webhook"`
	Advertiser string       `json:"advertiser"`
	Notes      []string     `json:"notes,omitempty"`
	Request    *requestView `json:"request,omitempty"` // nil for a recorded answer
	Refusal    string       `json:"refusal,omitempty"` // why leadhook may not send it
	Result     *trialResult `json:"result,omitempty"`  // nil if it was only shown

	hook   *lead.Webhook
	reveal bool          // show secrets
	proxy  bool          // there is one
	expire time.Duration // when a real delivery ends
}

type requestView struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

type trialResult struct {
	Delivered bool      `json:"delivered"`
	Verdict   string    `json:"verdict"` // delivered, transient, needs_human, gone or refused
	Status    int       `json:"status,omitempty"`
	Evidence  string    `json:"evidence,omitempty"` // not_sent, maybe_received or answered
	Rule      string    `json:"rule,omitempty"`     // which of the webhook's rules for answers decided
	Words     string    `json:"words,omitempty"`    // the CRM's own, where that rule says they are
	Record    string    `json:"record,omitempty"`   // the CRM's id of the lead, likewise
	Location  string    `json:"location,omitempty"` // where a 3xx leads, as far as that is shown
	Doubt     bool      `json:"doubt,omitempty"`    // the answer plainly says failure
	Meaning   string    `json:"meaning"`
	RealLead  string    `json:"real_lead"` // what would come of one
	Protocol  string    `json:"protocol,omitempty"`
	Answer    string    `json:"answer,omitempty"` // its first KiB, as it would be kept
	Address   string    `json:"address,omitempty"`
	TLS       *tlsView  `json:"tls,omitempty"`
	Seconds   stepsView `json:"seconds"`
}

type tlsView struct {
	Version string    `json:"version,omitempty"` // empty if the handshake failed
	Names   []string  `json:"names"`
	Issuer  string    `json:"issuer"`
	Expires time.Time `json:"expires"`
}

type stepsView struct {
	DNS       float64 `json:"dns,omitempty"`
	Connect   float64 `json:"connect,omitempty"`
	TLS       float64 `json:"tls,omitempty"`
	FirstByte float64 `json:"first_byte,omitempty"`
	Total     float64 `json:"total"`
}

// request fills in what is sent, with secrets masked.
func (v *TrialView) request(r dispatch.TrialRequest) {
	v.Request = &requestView{Headers: make(map[string]string, len(r.Header)), Body: string(r.Body)}
	for name, values := range r.Header {
		v.Request.Headers[name] = strings.Join(values, ", ")
	}
	for _, f := range webhook.Fields(v.hook, v.reveal) {
		switch name, header, _ := strings.Cut(f.Name, "."); name {
		case "url":
			v.Request.URL = f.Value
		case "authorization":
			v.Request.mask(cmp.Or(v.hook.AuthHeader, "Authorization"), f.Value)
		case "headers":
			v.Request.mask(header, f.Value)
		}
	}
	if r.Blocked != nil {
		v.Refusal = r.Blocked.Error()
	}
}

func (v *TrialView) result(r *dispatch.TrialReport) {
	n := r.Network
	v.Result = &trialResult{
		Delivered: r.Verdict == "delivered", Verdict: r.Verdict, Status: r.Status, Evidence: string(r.Evidence),
		Rule: r.Rule, Words: r.Words, Record: r.Record, Location: r.Location, Doubt: r.Doubt,
		Meaning: meaning(r, v.hook, v.lead()), RealLead: realLead(r, v.expire),
		Protocol: r.Protocol, Answer: v.answer(r), Address: n.Address,
		Seconds: stepsView{n.DNS.Seconds(), n.Connect.Seconds(), n.TLS.Seconds(), n.FirstByte.Seconds(), n.Total.Seconds()},
	}
	if c := n.Certificate; c != nil {
		v.Result.TLS = &tlsView{Version: n.TLSVersion, Names: certificateNames(c), Issuer: issuer(c), Expires: c.NotAfter.UTC()}
	}
}

// lead names what the CRM got.
func (v *TrialView) lead() string {
	if v.Request == nil {
		return "the lead"
	}
	return "the test lead"
}

func certificateNames(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

func issuer(c *x509.Certificate) string {
	names := slices.Concat([]string{c.Issuer.CommonName}, c.Issuer.Organization)
	return strings.Join(slices.DeleteFunc(names, func(name string) bool { return name == "" }), ", ")
}

// answer returns the first KiB of an answer: as it would be kept, or with --show-secrets as
// it came.
func (v *TrialView) answer(r *dispatch.TrialReport) string {
	if !v.reveal {
		return r.Answer
	}
	return strings.ToValidUTF8(string(r.Head[:min(len(r.Head), scrub.MaxKept)]), "\uFFFD")
}

// write writes the test for people.
func (v *TrialView) write(env *cli.Env, out io.Writer) error {
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(out, "%-9s %s\n", name, terminal.Printable(text))
		}
	}
	line("webhook", v.Webhook+" of "+v.Advertiser)
	for _, note := range v.Notes {
		line("note", note)
	}
	if v.Request != nil {
		v.Request.write(out, line)
		fmt.Fprintln(out)
	}
	if v.Result == nil {
		line("refused", v.Refusal)
		_, err := fmt.Fprintln(out, "nothing was sent")
		return err
	}
	return v.Result.write(env, out, line, v.proxy)
}

// mask replaces the value of a header, if that is sent.
func (r *requestView) mask(name, value string) {
	if _, sent := r.Headers[name]; sent {
		r.Headers[name] = value
	}
}

func (r *requestView) write(out io.Writer, line func(name, text string)) {
	line("request", "POST "+r.URL)
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		line("", name+": "+r.Headers[name])
	}
	fmt.Fprintln(out)
	for text := range strings.Lines(r.Body) {
		line("", strings.TrimSuffix(text, "\n"))
	}
}

func (r *trialResult) write(env *cli.Env, out io.Writer, line func(name, text string), proxy bool) error {
	if r.Address != "" && proxy {
		r.Address += " (the proxy)"
	}
	line("address", r.Address)
	if r.TLS != nil {
		line("tls", r.TLS.words())
	}
	line("time", r.Seconds.words())
	line("answer", r.Answer)
	line("location", r.Location)
	line("words", r.Words)
	line("record", r.Record)
	if r.Status != 0 {
		line("counts as", r.countsAs())
	}
	style := terminal.Green
	if !r.Delivered {
		style = terminal.Red
	}
	fmt.Fprintf(out, "\n%s\n", env.Paint(style, terminal.Printable(r.Meaning)))
	_, err := fmt.Fprintln(out, r.RealLead)
	return err
}

// countsAs says what an answer counts as, and why.
func (r *trialResult) countsAs() string {
	by := "by its status"
	if r.Rule != "" {
		by = "by the webhook's " + r.Rule
	}
	verdict := strings.ReplaceAll(r.Verdict, "_", " ")
	if r.Doubt {
		verdict = "delivered with doubt"
		by += ", although it says failure: the webhook has no answers with rules for the body"
	}
	return verdict + ", " + by
}

func (t *tlsView) words() string {
	const most = 5
	names := t.Names
	if len(names) > most {
		names = append(names[:most:most], "…")
	}
	days := int(time.Until(t.Expires).Hours() / 24)
	return fmt.Sprintf("%s, certificate for %s, issued by %s, expires %s (%d days)",
		cmp.Or(t.Version, "no handshake"), strings.Join(names, " "), t.Issuer, t.Expires.Format(time.DateOnly), days)
}

func (s stepsView) words() string {
	var steps []string
	for _, step := range []struct {
		name    string
		seconds float64
	}{{"DNS", s.DNS}, {"connect", s.Connect}, {"TLS", s.TLS}, {"first byte", s.FirstByte}, {"in all", s.Total}} {
		if step.seconds > 0 {
			steps = append(steps, fmt.Sprintf("%s %.1f ms", step.name, step.seconds*1000))
		}
	}
	return strings.Join(steps, ", ")
}
