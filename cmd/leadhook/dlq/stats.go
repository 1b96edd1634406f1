package dlq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/cmd/leadhook/webhooks"
	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
)

type statsCommand struct {
	Top int `default:"10" help:"How many webhooks and hosts to show, those with the most first."`

	letterFlags
	spanFlags
	terminal.OutputFlag
}

// Help is what --help says beyond the flags.
func (statsCommand) Help() string {
	return `The host is that of the webhook's URL as it is now; a webhook that is there no more has none.
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

// mostGroups is how many webhooks are counted by themselves, some 200 bytes
// each; all further ones count together.
const mostGroups = 200_000

// A group is the dead letters that have something in common.
type group struct {
	Letters int       `json:"letters"`
	Newest  time.Time `json:"newest,omitzero"`
}

func (g *group) add(n int, newest time.Time) {
	g.Letters += n
	if newest.After(g.Newest) {
		g.Newest = newest
	}
}

// A webhookKey is whose letters are counted; both are empty for events that
// could not be read.
type webhookKey struct{ advertiser, webhook string }

// others stands for the webhooks beyond mostGroups.
var others = webhookKey{webhook: "others"}

// counts are the dead letters of a filter.
type counts struct {
	all      group
	oldest   time.Time
	reasons  map[lead.Reason]*group
	webhooks map[webhookKey]*group
}

func (g *letterTopic) count(ctx context.Context, filter deadletter.Filter) (*counts, error) {
	selection, err := g.reader.Select(ctx, filter)
	if err != nil {
		return nil, err
	}
	c := &counts{reasons: map[lead.Reason]*group{}, webhooks: map[webhookKey]*group{}}
	return c, selection.Each(ctx, false, func(l *deadletter.Letter) error {
		c.add(l)
		return nil
	})
}

func (c *counts) add(l *deadletter.Letter) {
	c.all.add(1, l.Buried)
	if c.oldest.IsZero() || l.Buried.Before(c.oldest) {
		c.oldest = l.Buried
	}
	reason, hook := l.Reason, webhookKey{l.Advertiser, l.Webhook}
	if hook.webhook == "" {
		hook = webhookKey{}
	}
	if c.reasons[reason] == nil && len(c.reasons) >= mostGroups {
		reason = lead.Reason(others.webhook)
	}
	if c.webhooks[hook] == nil && len(c.webhooks) >= mostGroups {
		hook = others
	}
	in(c.reasons, reason).add(1, l.Buried)
	in(c.webhooks, hook).add(1, l.Buried)
}

func in[K comparable](groups map[K]*group, key K) *group {
	if groups[key] == nil {
		groups[key] = &group{}
	}
	return groups[key]
}

// hosts looks up where the webhooks are, as far as Redis knows.
func (g *letterTopic) hosts(ctx context.Context, of map[webhookKey]*group) (map[webhookKey]string, error) {
	advertisers := map[string]bool{}
	for hook := range of {
		if hook.advertiser != "" {
			advertisers[hook.advertiser] = true
		}
	}
	hosts := make(map[webhookKey]string)
	if len(advertisers) == 0 {
		return hosts, nil
	}
	rdb, err := cli.OpenRedis(ctx, g.cfg.Redis)
	if err != nil {
		return hosts, err
	}
	defer func() { _ = rdb.Close() }()
	store := webhook.NewStore(rdb)
	const together = 256
	for batch := range slices.Chunk(slices.Sorted(maps.Keys(advertisers)), together) {
		found, err := store.WebhooksOf(ctx, batch)
		for advertiser, hooks := range found {
			for _, h := range hooks {
				if at := webhooks.Host(h.URL); at != "" {
					hosts[webhookKey{advertiser, h.ID}] = at
				}
			}
		}
		if err != nil {
			return hosts, err
		}
	}
	return hosts, nil
}

// stats is what counts come to, for programs.
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

// unknownHost is that of webhooks that Redis does not know.
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

// write shows them to people.
func (s *stats) write(out io.Writer) error {
	if s.Letters == 0 {
		_, err := fmt.Fprintln(out, "0 dead letters")
		return err
	}
	fmt.Fprintf(out, "%s, from %s to %s\n", terminal.Counted(s.Letters, "dead letter"), clock(s.Oldest), clock(s.Newest))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(g group, cells ...string) {
		for i, cell := range cells {
			cells[i] = terminal.Printable(terminal.Dash(cell))
		}
		fmt.Fprintf(table, "%s\t%d\t%s\n", strings.Join(cells, "\t"), g.Letters, clock(g.Newest))
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
