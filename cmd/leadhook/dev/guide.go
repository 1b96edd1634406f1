//go:build !nodev

package dev

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/cmd/leadhook/samplelead"
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/internal/samplecrm"
	"github.com/leadhook/leadhook/producer"
	"github.com/leadhook/leadhook/topics"
)

// guide prints where everything is, publishes some sample leads, and waits until
// the CRM has them or ctx ends.
func (s *stack) guide(ctx context.Context, env *cli.Env, p *producer.Publisher, cfg *config.Config) error {
	fmt.Fprintf(env.Stdout, `leadhook dev: everything is in this one process.

  Kafka  %s   topics %s, %s, %s and those of retries
  Redis  %s   webhooks of %s and %s, from %s
  CRM    %s   a sample CRM: shows each lead that it gets below, and live in a browser
  Admin  %s   /healthz /readyz /metrics

Publishing %d sample leads:

`, s.kafka.Addr(), cfg.Kafka.Topic, topics.DeadLetterName(cfg.Kafka.Topic), topics.WebhooksName(cfg.Kafka.Topic), s.redis.Addr(),
		samplelead.Advertiser, otherAdvertiser, topics.WebhooksName(cfg.Kafka.Topic), s.crm.URL(), adminURL(cfg.Admin), sampleLeads)
	records, err := sampleRecords(cfg.Kafka.Topic)
	if err != nil {
		return err
	}
	for i, err := range p.PublishAll(ctx, records) {
		if err != nil {
			return fmt.Errorf("sample %d: %w", i+1, err)
		}
	}
	s.awaitSamples(ctx)
	return nil
}

// addresses are the servers that the settings name without dev.
type addresses struct{ kafka, redis []string }

// exports returns the command with which a second terminal finds these servers, or
// "" if it needs none.
func (s *stack) exports(elsewhere addresses) string {
	if slices.Equal(elsewhere.kafka, []string{s.kafka.Addr()}) && slices.Equal(elsewhere.redis, []string{s.redis.Addr()}) {
		return ""
	}
	return fmt.Sprintf("  export LEADHOOK_KAFKA_BROKERS=%s LEADHOOK_REDIS_URL=%s\n", s.kafka.Addr(), s.redis.URL())
}

// hints prints what to try next. The commands work as typed: they name the program
// as it was started.
func (s *stack) hints(env *cli.Env, elsewhere addresses) {
	fmt.Fprintf(env.Stdout, `
All %[1]d have arrived. Now try, in a second terminal:

%[2]s  %[8]s publish --sample chat    # another lead
  %[8]s dlq list    # leads that a CRM would not take
  %[8]s topics check
  %[8]s --help

Let the sample CRM fail for one of its webhooks, on its page (%[4]s, in a browser) or with either of:

  %[8]s dev crm answer %[4]s/%[5]s 401    # 500, 410, 429, slow, hang; healthy again
  curl -X PUT -d 401 %[4]s%[6]s/%[5]s

A webhook of your own for the sample CRM, whose address leadhook calls only where the settings allow it (and
here, where there is no key, secrets are kept in clear):

  export LEADHOOK_HTTP_ALLOW_HTTP=true LEADHOOK_HTTP_ALLOW_CIDRS=%[3]s LEADHOOK_HTTP_ALLOW_PORTS=%[7]d LEADHOOK_SECRETS_PLAIN=true
  echo '{webhooks: [{id: mine, advertiser: MINE_1, event: new_contact, active: true, url: "%[4]s/mine"}]}' | %[8]s seed -
  %[8]s publish --sample form --advertiser MINE_1

Ctrl-C ends it.

`, sampleLeads, directory(env.Program)+s.exports(elsewhere), s.crmNet(), s.crm.URL(), sampleWebhook, samplecrm.AnswersPath, s.crmAt.Port(), env.Program)
}

// directory returns the command that changes to the directory in which program
// works as typed, or "" if it works in each.
func directory(program string) string {
	here, err := os.Getwd()
	if err != nil || filepath.IsAbs(program) || !strings.Contains(program, "/") {
		return ""
	}
	return "  cd '" + strings.ReplaceAll(here, "'", `'\''`) + "'\n"
}

func adminURL(cfg config.Admin) string {
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return "off"
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "" // it listens everywhere: here too
	}
	return "http://" + net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port)
}

// awaitSamples waits until the CRM has the sample leads or ctx ends.
func (s *stack) awaitSamples(ctx context.Context) {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for len(s.crm.Posts()) < sampleLeads {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}
