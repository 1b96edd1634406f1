package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/wait"
)

// patience is how long a broker may take to answer, beyond the wait that it was asked for.
const patience = 10 * time.Second

// Several requests may wait at a broker, so that a partition that was left out of one need
// not wait for its answer. Those that begin while others wait are short: the partitions
// are soon together again in one request, which waits long.
var waits = [...]time.Duration{5 * time.Second, 500 * time.Millisecond, 50 * time.Millisecond}

// A broker leads some of the partitions.
type broker struct {
	addr  net.Addr
	asked [len(waits)]bool // which requests are under way
	hot   int              // how many partitions had records in the last answer with any
}

// A wish is what a request asks for a partition.
type wish struct {
	p     *Partition
	from  int64
	epoch int // of the partition; once that is another one, nobody wants the answer
}

// ask sends requests for the partitions that want records. The caller holds mu.
func (f *Fetcher) ask() {
	if f.ctx == nil || f.ctx.Err() != nil || f.closed || f.full {
		return
	}
	var wanted map[string][]wish
	now := time.Now()
	for i := range f.partitions {
		p := f.partitions[(i+f.turn)%len(f.partitions)] // each is the first now and then: a large batch is sent only to the first
		if p.asked || !p.wants || p.queued >= enoughQueued || p.leader == "" || now.Before(p.pausedUntil) {
			continue
		}
		if wanted == nil {
			wanted = make(map[string][]wish, len(f.brokers)+1)
		}
		wanted[p.leader] = append(wanted[p.leader], wish{p, p.from, p.epoch})
	}
	for addr, wishes := range wanted {
		f.askBroker(addr, wishes)
	}
}

// askAgain is for timers.
func (f *Fetcher) askAgain() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ask()
}

// leastShare is the least of an answer that a partition may have.
const leastShare = 64 << 10

// askBroker sends a request, or leaves it until an answer comes, if as many as may be are
// under way. The caller holds mu.
func (f *Fetcher) askBroker(addr string, wishes []wish) {
	b := f.brokers[addr]
	if b == nil {
		b = &broker{addr: kafka.TCP(addr)}
		f.brokers[addr] = b
	}
	slot := 0
	for b.asked[slot] {
		if slot++; slot == len(waits) {
			return
		}
	}
	f.turn++
	b.asked[slot] = true
	for _, w := range wishes {
		w.p.asked = true
	}
	most := min(max(f.opts.HeldBytes-f.held, leastShare), f.opts.MaxBytes)
	share := min(max(most/max(1, b.hot), leastShare), most)
	f.exchanges.Go(func() { f.exchange(b, slot, wishes, most, share) })
}

// exchange sends a request and waits until the answer is handed on.
func (f *Fetcher) exchange(b *broker, slot int, wishes []wish, most, share int) {
	ctx, cancel := context.WithTimeout(f.ctx, waits[slot]+patience)
	defer cancel()
	x := newExchange(ctx, f, wishes, waits[slot], most, share)
	_, err := f.opts.Transport.RoundTrip(ctx, b.addr, x)
	x.end()
	switch {
	case f.ctx.Err() != nil:
		return
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("the broker %s did not answer within %v", b.addr, waits[slot]+patience)
	case err == nil && x.throttled > 0:
		wait.For(f.ctx, x.throttled)
	case err == nil && !slices.Contains(x.answered, true): // some may be left out when others fill the answer
		err = errors.New("an answer without the partition")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if x.filled > 0 {
		b.hot = x.filled
	}
	b.asked[slot] = false
	for i, w := range wishes {
		w.p.asked = false
		if err != nil && !x.answered[i] && w.p.epoch == w.epoch {
			w.p.failed(err, true)
		}
	}
	f.ask()
}
