package receipt

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// run publishes what is pending until there is nothing, or the Writer is closed.
func (p *partition) run() {
	for b := p.next(); b != nil; b = p.next() {
		err := p.publish(b, giveUpTime)
		switch {
		case err == nil:
			p.take(false)
			b.settle()
		case p.w.ctx.Err() == nil:
			p.loseAll(err)
		}
	}
}

// next waits until a batch is closed, and returns it; nil if nothing is pending, or the Writer
// is closed.
func (p *partition) next() *batch {
	for p.w.ctx.Err() == nil {
		b, due := p.due()
		if b != nil || due.IsZero() {
			return b
		}
		timer := time.NewTimer(time.Until(due))
		select {
		case <-timer.C:
		case <-p.wake:
		case <-p.w.ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// due returns the batch to be published next. If there is none, it returns when what gathers
// is to be looked at again; zero if nothing does, and the partition is then no longer running.
func (p *partition) due() (*batch, time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.group != nil && time.Since(p.group.since) >= groupAge {
		p.closeGroup()
	}
	if p.open != nil && time.Since(p.open.since) >= batchAge {
		p.closeBatch()
	}
	switch {
	case len(p.queue) > 0:
		return p.queue[0], time.Time{}
	case p.open != nil:
		return nil, p.open.since.Add(batchAge)
	case p.group != nil:
		return nil, p.group.since.Add(groupAge)
	}
	p.running = false
	return nil, time.Time{}
}

// publish blocks until a batch is acknowledged, or the Writer is closed; unless receipts are
// required also until it has been tried for as long as patience.
func (p *partition) publish(b *batch, patience time.Duration) error {
	ctx := p.w.ctx
	if !p.w.opts.Required {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	err := p.w.publisher.PublishBatch(ctx, p.to, b.records())
	if err == nil {
		p.w.metrics.bytes.Add(float64(len(b.bytes)))
	}
	return err
}

// loseAll gives up what is pending, and what comes until the topic takes a receipt that says
// so.
func (p *partition) loseAll(cause error) {
	gap := &Receipt{Type: TypeGap, Since: time.Now(), Instance: p.w.opts.Instance, Partition: p.to.Number, Error: cause.Error()}
	p.w.gaps.begin()
	for err := cause; err != nil; err = p.publishGap(gap) {
		if p.w.ctx.Err() != nil {
			p.w.log.Warn("receipts were lost, and no record says so", zap.Int("partition", p.to.Number), zap.Int64("lost", gap.Count))
			return
		}
		p.w.gaps.lasts(err)
		p.lose(gap)
	}
	p.w.gaps.end()
}

// lose gives up what is pending now.
func (p *partition) lose(gap *Receipt) {
	for _, b := range p.take(true) {
		if b.since.Before(gap.Since) {
			gap.Since = b.since
		}
		gap.At = time.Now()
		for _, o := range b.about {
			(*ranges)(&gap.Offsets).addRoughly(o)
		}
		gap.Count += b.about.count()
		p.w.metrics.lost.Add(float64(b.about.count()))
		b.settle()
	}
}

func (p *partition) publishGap(gap *Receipt) error {
	b := &batch{}
	b.add(gap, nil)
	return p.publish(b, gapTime)
}
