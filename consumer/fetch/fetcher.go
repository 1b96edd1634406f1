package fetch

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/semaphore"

	"github.com/leadhook/leadhook/internal/recordbatch"
)

// Options configure a Fetcher. All fields are required.
type Options struct {
	Brokers   []string         // host:port; the first that answers names the others
	Transport *kafka.Transport // for this Fetcher alone, which closes it

	MaxBytes int // the most bytes of an answer, unless a single batch is larger

	// HeldBytes bounds what is fetched and not taken, over all partitions; what of it is
	// unpacked is bounded by as much again. What nobody takes for a while is dropped when
	// there is no room for others, and fetched again when it is wanted.
	HeldBytes int

	// MaxRecordBytes is the size of the largest record that is handed out. A batch is
	// unpacked by so many bytes at a time.
	MaxRecordBytes int

	// Failed is called when a partition cannot be fetched, with the reason, again when
	// the reason is another one, and with nil when it can be fetched again. It must not
	// block, nor call the Fetcher.
	Failed func(topic string, partition int, err error)
}

// A Fetcher fetches partitions.
type Fetcher struct {
	opts    Options
	buffers buffers
	unpack  *recordbatch.Unpacker
	plain   *semaphore.Weighted // bytes that are unpacked
	pressed atomic.Int64        // how many wait for plain
	round   atomic.Int64        // of the sweeps: see sweep

	stale     chan struct{}  // holds a token while a leader is not known
	exchanges sync.WaitGroup // every running request

	mu         sync.Mutex
	ctx        context.Context    // of Run; nil before; guarded by mu
	closed     bool               // guarded by mu
	partitions []*Partition       // guarded by mu
	brokers    map[string]*broker // by address; guarded by mu
	turn       int                // with which of the partitions the next request begins; guarded by mu
	held       int                // bytes of answers; guarded by mu
	full       bool               // an answer was dropped for want of room; guarded by mu
	sweeping   bool               // a sweep is due; guarded by mu
}

// New returns a Fetcher that fetches nothing until [Fetcher.Run].
func New(opts Options) *Fetcher {
	f := &Fetcher{
		opts:    opts,
		unpack:  recordbatch.NewUnpacker(opts.MaxRecordBytes),
		stale:   make(chan struct{}, 1),
		brokers: make(map[string]*broker),
	}
	f.plain = semaphore.NewWeighted(max(int64(opts.HeldBytes), f.mostUnpacked()))
	return f
}

// mostUnpacked is what the reader of one batch takes, at most.
func (f *Fetcher) mostUnpacked() int64 {
	const slack = 1 << 10
	return int64(f.unpack.Limit() + recordbatch.Window + slack)
}

// Partition adds a partition, which it must not have yet, to be read from an offset on.
func (f *Fetcher) Partition(topic string, number int, offset int64) *Partition {
	p := &Partition{
		f: f, topic: topic, number: number, next: offset, from: offset, wants: true,
		arrived: make(chan struct{}, 1),
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.partitions = append(f.partitions, p)
	f.lookUp()
	return p
}

// Run fetches until ctx ends. Nothing that it started is left when it returns, and the
// connections are closed.
func (f *Fetcher) Run(ctx context.Context) {
	defer f.opts.Transport.CloseIdleConnections()
	f.mu.Lock()
	f.ctx = ctx
	f.mu.Unlock()
	f.followLeaders(ctx)
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.exchanges.Wait()
}
