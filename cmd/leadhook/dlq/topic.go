package dlq

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/ledger"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/topics"
)

// A letterTopic is the dead-letter topic, with the connections that are needed to
// read it.
type letterTopic struct {
	cfg    *config.Config
	kafka  *service.Kafka
	reader *deadletter.Reader
}

// withDeadLetters makes sure that Kafka answers, and calls do with the dead-letter
// topic.
func withDeadLetters(ctx context.Context, env *cli.Env, do func(*letterTopic) error) error {
	return env.WithKafka(ctx, func(cfg *config.Config, k *service.Kafka) error {
		log, err := service.NewLog(config.Log{Level: "warn", Format: "console"}, env.Stderr)
		if err != nil {
			return err
		}
		defer func() { _ = log.Sync() }()
		topic := topics.DeadLetterName(cfg.Kafka.Topic)
		return do(&letterTopic{cfg: cfg, kafka: k, reader: deadletter.NewReader(k.Client, topic, log)})
	})
}

// showReading shows how much of the topic has been read, until end is called.
func (g *letterTopic) showReading(env *cli.Env) (end func()) {
	var mu sync.Mutex
	var show *terminal.Progress
	g.reader.Progress = func(done, of int64) {
		mu.Lock()
		defer mu.Unlock()
		if show == nil {
			show = terminal.NewProgress(env.Terminal, int(of))
		}
		show.At(int(done))
	}
	return func() {
		mu.Lock()
		defer mu.Unlock()
		g.reader.Progress = nil
		if show != nil {
			show.End()
		}
	}
}

// newest returns the newest letter of a delivery.
func (g *letterTopic) newest(ctx context.Context, delivery string) (deadletter.Letter, error) {
	letters, err := g.reader.List(ctx, deadletter.Filter{Delivery: delivery}, 1)
	if err != nil {
		return deadletter.Letter{}, err
	}
	if len(letters) == 0 {
		return deadletter.Letter{}, errors.New("there is no dead letter of the delivery " + delivery)
	}
	return letters[0], nil
}

// newLedger returns the ledger that the service writes. It writes nothing until its
// Run is called.
func newLedger(rdb redis.UniversalClient, cfg *config.Config) *ledger.Ledger {
	opts := ledger.Options{Prefix: cfg.Redis.Prefix, Retention: cfg.Ledger.Retention}
	return ledger.New(rdb, opts, prometheus.NewRegistry(), zap.NewNop())
}

// marks returns how far the letters' deliveries got. Each letter must have a LeadID.
func marks(ctx context.Context, known *ledger.Ledger, letters []deadletter.Letter) ([]lead.Mark, error) {
	keys := make([]ledger.Key, len(letters))
	for i := range letters {
		keys[i] = ledger.Key{LeadID: letters[i].LeadID, Delivery: letters[i].Delivery}
	}
	return known.Marks(ctx, keys)
}

// fates returns what became of the letters. If Redis does not answer, they are
// unknown, and the error says why.
func (g *letterTopic) fates(ctx context.Context, letters []deadletter.Letter) ([]lead.Fate, error) {
	fates := make([]lead.Fate, len(letters))
	for i := range fates {
		fates[i] = lead.FateUnknown
	}
	rdb, err := service.ConnectRedis(g.cfg.Redis)
	if err != nil {
		return fates, err
	}
	defer func() { _ = rdb.Close() }()
	reached, err := marks(ctx, newLedger(rdb, g.cfg), letters)
	if err != nil {
		return fates, fmt.Errorf("Redis at %s (redis.url): %w", strings.Join(g.cfg.Redis.Addrs, ", "), err)
	}
	for i := range letters {
		fates[i] = reached[i].Fate(letters[i].Replays)
	}
	return fates, nil
}

// undeliverable reports whether a letter has no delivery, because its event could
// not be read.
func undeliverable(l *deadletter.Letter) bool { return l.Webhook == "" || l.LeadID == "" }

func position(l *deadletter.Letter) string {
	return strconv.Itoa(l.Partition) + "/" + strconv.FormatInt(l.Offset, 10)
}
