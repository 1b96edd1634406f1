package dlq

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/cmd/leadhook/webhooks"
	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/webhook"
)

// mostGroups is how many webhooks are counted separately, about 200 bytes each.
// All further ones are counted together.
const mostGroups = 200_000

// A group counts the dead letters that have something in common.
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

// A webhookKey identifies the webhook whose letters are counted. It is empty for
// events that could not be read.
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

// hosts returns the hosts of those of the webhooks that exist.
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
	rdb, err := cli.OpenRedis(ctx, g.cfg, g.kafka)
	if err != nil {
		return hosts, err
	}
	defer func() { _ = rdb.Close() }()
	log := service.Webhooks(g.cfg, g.kafka, rdb)
	defer func() { _ = log.Topic.Close() }()
	const together = 256
	for batch := range slices.Chunk(slices.Sorted(maps.Keys(advertisers)), together) {
		found, err := webhook.Catalog{Log: log}.Webhooks(ctx, batch...)
		if err != nil {
			return hosts, err
		}
		for _, h := range found {
			if at := webhooks.Host(h.URL); at != "" {
				hosts[webhookKey{h.Advertiser, h.ID}] = at
			}
		}
	}
	return hosts, nil
}
