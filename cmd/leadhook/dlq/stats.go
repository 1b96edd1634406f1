package dlq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
)

type statsCommand struct {
	Top int `default:"10" help:"Show at most this many webhooks and hosts, those with the most dead letters first."`

	letterFlags
	spanFlags
	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (statsCommand) Help() string {
	return `The host is that of the webhook's URL as it is now; a webhook that has been removed has none.
Dead letters without a webhook are events that could not be read.

Examples:
  leadhook dlq stats
  leadhook dlq stats --since 24h
  leadhook dlq stats --advertiser USA_332240 --reason exhausted --top 50
  leadhook dlq stats --since 7d --output json | jq '.hosts[] | select(.letters > 100)'`
}

// Run counts.
func (c statsCommand) Run(ctx context.Context, env *cli.Env) error {
	if c.Top < 1 {
		return &terminal.UsageError{Err: errors.New("dlq stats: --top must be at least 1")}
	}
	filter, err := c.filter(c.spanFlags)
	if err != nil {
		return err
	}
	return withDeadLetters(ctx, env, func(g *letterTopic) error {
		shown := g.showReading(env)
		count, err := g.count(ctx, filter)
		shown()
		if err != nil {
			return err
		}
		hosts, err := g.hosts(ctx, count.webhooks)
		if err != nil {
			fmt.Fprintf(env.Stderr, "leadhook: not all hosts are known: %v\n", err)
		}
		stats := count.stats(hosts, c.Top)
		return c.Show(env.Terminal, stats, stats.write)
	})
}

// stats is the result, for programs.
type stats struct {
	group
	Oldest   time.Time      `json:"oldest,omitzero"`
	Reasons  []reasonStats  `json:"reasons"`
	Webhooks []webhookStats `json:"webhooks"`
	Hosts    []hostStats    `json:"hosts"`

	moreWebhooks, moreHosts int
}

type reasonStats struct {
	Reason lead.Reason `json:"reason"`
	group
}

type webhookStats struct {
	Webhook    string `json:"webhook,omitempty"` // empty: events that could not be read
	Advertiser string `json:"advertiser,omitempty"`
	group
}

type hostStats struct {
	Host string `json:"host"`
	group
}

// unknownHost stands for the host of webhooks that no longer exist.
const unknownHost = "unknown"

func (c *counts) stats(hosts map[webhookKey]string, top int) *stats {
	s := &stats{group: c.all, Oldest: c.oldest.UTC(), Reasons: []reasonStats{}, Webhooks: []webhookStats{}, Hosts: []hostStats{}}
	for reason, g := range c.reasons {
		s.Reasons = append(s.Reasons, reasonStats{reason, *g})
	}
	byHost := map[string]*group{}
	for hook, g := range c.webhooks {
		s.Webhooks = append(s.Webhooks, webhookStats{hook.webhook, hook.advertiser, *g})
		if hook.webhook != "" {
			in(byHost, cmp.Or(hosts[hook], unknownHost)).add(g.Letters, g.Newest)
		}
	}
	for host, g := range byHost {
		s.Hosts = append(s.Hosts, hostStats{host, *g})
	}
	most := func(a, b group, names ...string) int {
		return cmp.Or(cmp.Compare(b.Letters, a.Letters), cmp.Compare(names[0], names[1]))
	}
	slices.SortFunc(s.Reasons, func(a, b reasonStats) int { return most(a.group, b.group, string(a.Reason), string(b.Reason)) })
	slices.SortFunc(s.Webhooks, func(a, b webhookStats) int { return most(a.group, b.group, a.Webhook, b.Webhook) })
	slices.SortFunc(s.Hosts, func(a, b hostStats) int { return most(a.group, b.group, a.Host, b.Host) })
	s.moreWebhooks, s.moreHosts = max(0, len(s.Webhooks)-top), max(0, len(s.Hosts)-top)
	s.Webhooks, s.Hosts = s.Webhooks[:len(s.Webhooks)-s.moreWebhooks], s.Hosts[:len(s.Hosts)-s.moreHosts]
	return s
}

// write writes the result for people.
func (s *stats) write(out io.Writer) error {
	if s.Letters == 0 {
		_, err := fmt.Fprintln(out, "0 dead letters")
		return err
	}
	fmt.Fprintf(out, "%s, from %s to %s\n", terminal.Counted(s.Letters, "dead letter"), cli.Clock(s.Oldest), cli.Clock(s.Newest))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(g group, cells ...string) {
		for i, cell := range cells {
			cells[i] = terminal.Printable(terminal.Dash(cell))
		}
		fmt.Fprintf(table, "%s\t%d\t%s\n", strings.Join(cells, "\t"), g.Letters, cli.Clock(g.Newest))
	}
	fmt.Fprintln(table, "\nREASON\tLETTERS\tNEWEST")
	for _, r := range s.Reasons {
		row(r.group, string(r.Reason))
	}
	_ = table.Flush()
	fmt.Fprintln(table, "\nWEBHOOK\tADVERTISER\tLETTERS\tNEWEST")
	for _, h := range s.Webhooks {
		row(h.group, h.Webhook, h.Advertiser)
	}
	more(table, s.moreWebhooks, "webhook")
	_ = table.Flush()
	fmt.Fprintln(table, "\nHOST\tLETTERS\tNEWEST")
	for _, h := range s.Hosts {
		row(h.group, h.Host)
	}
	more(table, s.moreHosts, "host")
	return table.Flush()
}

func more(out io.Writer, n int, what string) {
	if n > 0 {
		fmt.Fprintf(out, "and %s more (--top)\n", terminal.Counted(n, what))
	}
}
