package dlq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/internal/terminal"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/ledger"
	"github.com/leadhook/leadhook/producer"
	"github.com/leadhook/leadhook/service"
	"github.com/leadhook/leadhook/topics"
)

const (
	decidedTogether = 500     // letters in one request to the ledger
	decidedBytes    = 4 << 20 // unless they have more bytes than this
	batchesAhead    = 2       // batches that are read ahead
	chunksInFlight  = 4       // chunks that are published at the same time
)

// A replayer is one run of dlq replay. It reads letters and asks the ledger about
// them while the ones before are being published.
type replayer struct {
	g         *letterTopic
	ledger    *ledger.Ledger
	publisher *producer.Publisher
	topic     string // the shortest retry topic
	limit     *rate.Limiter
	chunk     int // letters that are published together
	together  int // letters that are decided together

	remembered time.Time // since when the ledger knows what became of a letter; zero: that does not matter

	found int // how many are to be replayed; 0 if that was not counted
	show  *terminal.Progress

	mu       sync.Mutex
	result   ReplayResult         // guarded by mu
	underWay map[string]lead.Mark // guarded by mu: by delivery, those of letters that are being published
}

// replay makes sure that everything that a replay needs is there. That includes
// the ledger, which knows what was replayed before.
func (g *letterTopic) replay(ctx context.Context, perSecond float64) (p *replayer, closed func(), err error) {
	p = &replayer{
		g: g, topic: topics.RetryName(g.cfg.Kafka.Topic, g.cfg.Retry.Delays[0]), underWay: map[string]lead.Mark{},
		limit: rate.NewLimiter(rate.Inf, 1), chunk: decidedTogether, together: decidedTogether,
		remembered: time.Now().Add(-ledger.HandedOnKept),
	}
	if perSecond > 0 {
		p.chunk = int(min(max(perSecond/20, 1), decidedTogether))
		p.together = int(min(max(perSecond/5, 1), decidedTogether))
		p.limit = rate.NewLimiter(rate.Limit(perSecond), max(p.chunk, int(perSecond/2))) // makes up for a short stall
	}
	if err := g.kafka.HasTopic(ctx, p.topic); err != nil {
		return nil, nil, err
	}
	rdb, err := cli.OpenRedis(ctx, g.cfg, g.kafka)
	if err != nil {
		return nil, nil, err
	}
	p.ledger = newLedger(rdb, g.cfg)
	p.publisher = producer.NewPublisher(service.PublisherOptions(g.cfg.Kafka, g.kafka), nil, zap.NewNop())
	return p, func() { _, _ = p.publisher.Close(), rdb.Close() }, nil
}

// count returns what all would do.
func (p *replayer) count(ctx context.Context, of *deadletter.Selection, limit int) (*ReplayResult, error) {
	count := &ReplayResult{}
	err := p.decided(ctx, of, func(letters []deadletter.Letter, decisions []decision) error {
		if _, enough := count.add(letters, decisions, limit); enough {
			return errLimit
		}
		return nil
	})
	return count, err
}

// errLimit ends reading when the limit is reached.
var errLimit = errors.New("the limit is reached")

// decided calls do with the letters of a selection and the decisions about them,
// batch by batch. The next batches are read meanwhile.
func (p *replayer) decided(ctx context.Context, of *deadletter.Selection, do func([]deadletter.Letter, []decision) error) error {
	batches := make(chan []deadletter.Letter, batchesAhead)
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		defer close(batches)
		return p.read(ctx, of, batches)
	})
	work.Go(func() error {
		for batch := range batches {
			decisions, err := p.decisions(ctx, batch)
			if err == nil {
				err = do(batch, decisions)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err := work.Wait(); !errors.Is(err, errLimit) {
		return err
	}
	return nil
}

// read sends the letters of a selection in batches.
func (p *replayer) read(ctx context.Context, of *deadletter.Selection, batches chan<- []deadletter.Letter) error {
	var batch []deadletter.Letter
	bytes := 0
	send := func() error {
		select {
		case batches <- batch:
			batch, bytes = nil, 0
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	err := of.Each(ctx, true, func(l *deadletter.Letter) error {
		batch = append(batch, *l)
		if bytes += l.Size; len(batch) < p.together && bytes < decidedBytes {
			return nil
		}
		return send()
	})
	if err == nil && len(batch) > 0 {
		err = send()
	}
	return err
}

// all replays a selection. The error says why it ended early; it waits for what is
// being published then.
func (p *replayer) all(ctx context.Context, of *deadletter.Selection, limit int) error {
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var ledger sync.WaitGroup
	ledger.Go(func() { p.ledger.Run(writing) })

	publishing, failed := errgroup.WithContext(ctx)
	publishing.SetLimit(chunksInFlight)
	var began time.Time
	err := p.decided(failed, of, func(letters []deadletter.Letter, decisions []decision) error {
		chosen, enough := p.choose(letters, decisions, limit)
		if began.IsZero() && len(chosen) > 0 {
			began = time.Now()
			p.limit.AllowN(began, p.limit.Burst()) // so that the rate holds from the beginning
		}
		for len(chosen) > 0 {
			chunk := chosen[:min(p.chunk, len(chosen))]
			chosen = chosen[len(chunk):]
			if err := p.limit.WaitN(failed, len(chunk)); err != nil {
				return context.Cause(failed)
			}
			publishing.Go(func() error { return p.publish(context.WithoutCancel(ctx), chunk) })
		}
		if enough {
			return errLimit
		}
		return nil
	})
	if refused := publishing.Wait(); refused != nil {
		err = refused
	}
	if !began.IsZero() {
		p.result.Seconds = time.Since(began).Seconds()
	}
	flush, cancel := context.WithTimeoutCause(writing, service.Patience, fmt.Errorf("no answer from Redis within %v", service.Patience))
	defer cancel()
	unmarked := p.ledger.Flush(flush)
	stop()
	ledger.Wait()
	if ctx.Err() != nil {
		err = fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
	return errors.Join(err, unmarked)
}

// choose returns the letters that are to be published now.
func (p *replayer) choose(letters []deadletter.Letter, decisions []decision, limit int) (chosen []deadletter.Letter, enough bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	chosen, enough = p.result.add(letters, decisions, limit)
	for i := range chosen {
		p.underWay[chosen[i].Delivery] = replayed(&chosen[i])
	}
	return chosen, enough
}

// publish publishes letters, and notes in the ledger those that Kafka has
// acknowledged.
func (p *replayer) publish(ctx context.Context, letters []deadletter.Letter) error {
	timeout := p.g.cfg.Kafka.Timeout
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not acknowledged within %v", timeout))
	defer cancel()
	records := make([]producer.Record, len(letters))
	for i := range letters {
		records[i] = deadletter.ReplayRecord(p.topic, &letters[i])
	}
	errs := p.publisher.PublishAll(ctx, records)
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range letters {
		if l := &letters[i]; errs[i] == nil {
			p.result.Replayed++
			p.ledger.Note(l.LeadID, l.Delivery, replayed(l))
			delete(p.underWay, l.Delivery)
		} else {
			p.result.Failed++
		}
	}
	p.show.At(p.result.Replayed)
	return cmp.Or(errs...)
}

// replayed returns the mark of a letter's delivery once the letter is replayed.
func replayed(l *deadletter.Letter) lead.Mark {
	return lead.MarkOf(&lead.History{Replays: l.Replays + 1}, false)
}
