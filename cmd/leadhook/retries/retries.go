// Package retries is `leadhook retries`: it shows and counts what waits in the retry topics.
// It reads them without joining the group.
package retries

import (
	"context"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/service"
)

// Command is the family of commands on what waits.
type Command struct {
	List  listCommand  `cmd:"" help:"Show what waits, what is due first at the top, and why it waits."`
	Stats statsCommand `cmd:"" help:"Count what waits by webhook and host."`
}

// Help returns what --help shows beside the flags.
func (Command) Help() string {
	return `A delivery whose attempt failed, or whose webhook takes no more now, waits in Kafka. What was delivered or
became a dead letter within the last seconds may still be listed: it is over for these commands once the
service has committed it.

Examples:
  leadhook retries stats
  leadhook retries list --webhook 84+TEST_1
  leadhook retries list --host crm.example.com --status 5xx --output wide`
}

// each calls visit with what waits, one call at a time.
func each(ctx context.Context, env *cli.Env, f deadletter.Filter, leads bool, visit func(l *deadletter.Letter)) error {
	return env.WithKafka(ctx, func(cfg *config.Config, k *service.Kafka) error {
		return deadletter.EachWaiting(ctx, k.Client, cfg.Kafka.Topic, cfg.Kafka.Group, f, leads, func(l *deadletter.Letter) error {
			visit(l)
			return nil
		})
	})
}

// Count returns how many deliveries wait for each webhook, by its id, of an advertiser or, if
// that is empty, of all. Of more than 200,000
// webhooks it leaves out those that it finds last.
func Count(ctx context.Context, env *cli.Env, advertiser string) (map[string]int, error) {
	counts := map[string]int{}
	err := each(ctx, env, deadletter.Filter{Advertiser: advertiser}, false, func(l *deadletter.Letter) {
		if _, known := counts[l.Webhook]; l.Webhook != "" && (known || len(counts) < mostGroups) {
			counts[l.Webhook]++
		}
	})
	if err != nil {
		return nil, err
	}
	return counts, nil
}

// due returns when a letter is due: at once if it does not say.
func due(l *deadletter.Letter) time.Time {
	if l.NotBefore.IsZero() {
		return l.Buried
	}
	return l.NotBefore
}
