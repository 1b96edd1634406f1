package retries

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
	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/internal/terminal"
)

type statsCommand struct {
	Top int `default:"10" help:"Show at most this many webhooks and hosts, those for which most wait first."`

	cli.DeliveryFlags
	terminal.OutputFlag
}

// Help returns what --help shows beside the flags.
func (statsCommand) Help() string {
	return `FIRST and LAST are when the next attempts are due. What was settled within the last seconds may still be
counted.

Examples:
  leadhook retries stats
  leadhook retries stats --advertiser USA_332240 --top 50
  leadhook retries stats --output json | jq '.hosts[] | select(.waiting > 100)'`
}

// mostGroups is how many webhooks, and hosts, are counted separately. All further ones are
// counted together.
const mostGroups = 200_000

// Run counts.
func (c statsCommand) Run(ctx context.Context, env *cli.Env) error {
	if c.Top < 1 {
		return &terminal.UsageError{Err: errors.New("retries stats: --top must be at least 1")}
	}
	counts := counts{webhooks: map[[2]string]*group{}, hosts: map[[2]string]*group{}}
	if err := each(ctx, env, c.Filter(), false, counts.add); err != nil {
		return err
	}
	s := stats{group: counts.all, Webhooks: most(counts.webhooks, c.Top), Hosts: most(counts.hosts, c.Top)}
	return c.Show(env.Terminal, s, s.write)
}

// A group counts what waits and has something in common.
type group struct {
	Waiting int       `json:"waiting"`
	First   time.Time `json:"first,omitzero"` // due
	Last    time.Time `json:"last,omitzero"`
}

func (g *group) add(at time.Time) {
	if g.Waiting++; g.Waiting == 1 || at.Before(g.First) {
		g.First = at.UTC()
	}
	if at.After(g.Last) {
		g.Last = at.UTC()
	}
}

type counts struct {
	all             group
	webhooks, hosts map[[2]string]*group // by webhook and advertiser, or by host
}

func (c *counts) add(l *deadletter.Letter) {
	at := due(l)
	c.all.add(at)
	in(c.webhooks, [2]string{l.Webhook, l.Advertiser}).add(at)
	if l.Host != "" {
		in(c.hosts, [2]string{l.Host}).add(at)
	}
}

func in(groups map[[2]string]*group, key [2]string) *group {
	if groups[key] == nil && len(groups) >= mostGroups {
		key = [2]string{"others"}
	}
	if groups[key] == nil {
		groups[key] = &group{}
	}
	return groups[key]
}

// stats is the result, for programs.
type stats struct {
	group
	Webhooks []named `json:"webhooks"`
	Hosts    []named `json:"hosts"`
}

// A named is a group with its name: a webhook and its advertiser, or a host. Both are empty for
// leads whose webhooks could not be read.
type named struct {
	Name       string `json:"name"`
	Advertiser string `json:"advertiser,omitempty"`
	group
}

// most returns the largest groups.
func most(groups map[[2]string]*group, top int) []named {
	all := make([]named, 0, len(groups))
	for key, g := range groups {
		all = append(all, named{key[0], key[1], *g})
	}
	slices.SortFunc(all, func(a, b named) int { return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(a.Name, b.Name)) })
	return all[:min(top, len(all))]
}

// write writes the result for people.
func (s stats) write(out io.Writer) error {
	if s.Waiting == 0 {
		_, err := fmt.Fprintln(out, "nothing waits")
		return err
	}
	fmt.Fprintf(out, "%d wait, due from %s to %s\n", s.Waiting, cli.Clock(s.First), cli.Clock(s.Last))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	rows := func(heading string, groups []named, columns int) {
		fmt.Fprintf(table, "\n%s\tWAITING\tFIRST\tLAST\n", heading)
		for _, g := range groups {
			names := []string{terminal.Printable(terminal.Dash(g.Name)), terminal.Printable(terminal.Dash(g.Advertiser))}
			fmt.Fprintf(table, "%s\t%d\t%s\t%s\n", strings.Join(names[:columns], "\t"), g.Waiting, cli.Clock(g.First), cli.Clock(g.Last))
		}
		_ = table.Flush()
	}
	rows("WEBHOOK\tADVERTISER", s.Webhooks, 2)
	if len(s.Hosts) > 0 {
		rows("HOST", s.Hosts, 1)
	}
	return nil
}
