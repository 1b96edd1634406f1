package follow

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/topic"
)

// A Follower sees every record of the topic as soon as it is there, and so knows which
// of the things that this process read before are outdated. Its methods may be called at
// the same time; they need its Run to be running.
type Follower struct {
	log     *Log
	out     *zap.Logger
	changed func(key string, at int64)
	renewed func()
	fill    chan struct{} // holds a token if shares may be behind
	asks    asks

	mu       sync.Mutex
	broken   error         // guarded by mu: why the topic is not followed now; nil: it is
	sessions int           // guarded by mu: how often following began
	epoch    string        // guarded by mu: empty until it was found
	position int64         // guarded by mu: everything below was seen
	ahead    int64         // guarded by mu: everything below was seen, or is being seen
	heads    heads         // guarded by mu
	moved    chan struct{} // guarded by mu: closed and replaced when any of these changes

	places places
	last   atomic.Pointer[Confirmed]
}

var errStarting = errors.New("the topic of webhooks was not read yet")

// New returns a Follower of a log. changed is called for each record that it sees with
// the record's key and offset, before anybody is told that it was seen; renewed is called
// when the log has another epoch, so that everything read before is outdated. Neither may
// block.
func New(log *Log, changed func(key string, at int64), renewed func(), out *zap.Logger) *Follower {
	f := &Follower{
		log: log, out: out, changed: changed, renewed: renewed,
		fill: make(chan struct{}, 1), broken: errStarting, moved: make(chan struct{}),
	}
	f.asks.init()
	f.places.init()
	return f
}

// Run follows the topic and fills Redis until ctx ends.
func (f *Follower) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { f.follow(ctx) })
	wg.Go(func() { f.confirm(ctx) })
	wg.Go(func() { f.fillAll(ctx) })
	wg.Wait()
}

// Ready returns nil while the topic is followed, and otherwise the cause and what to do.
func (f *Follower) Ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.broken
}

// The waits before the topic is read again after that failed.
const soon, seldom = 20 * time.Millisecond, time.Second

func (f *Follower) follow(ctx context.Context) {
	retry := wait.Endless(soon, seldom)
	for ctx.Err() == nil {
		err := f.begin(ctx)
		if err == nil {
			retry.Reset()
			err = f.read(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		f.stop(err)
		wait.For(ctx, retry.NextBackOff())
	}
}

// stop notes that the topic is not followed at present. That it went back stays the
// cause until following begins again.
func (f *Follower) stop(cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken == nil || !errors.Is(f.broken, ErrWentBack) || errors.Is(cause, ErrWentBack) {
		f.broken = cause
	}
	f.tell()
}

// tell wakes those that wait for a change. The caller must hold mu.
func (f *Follower) tell() {
	close(f.moved)
	f.moved = make(chan struct{})
}

// seen returns the epoch, the offset below which everything was seen, and the change id of
// the record right before that.
func (f *Follower) seen() (epoch string, position int64, head string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.epoch, f.position, f.heads.at(f.position)
}

// pollTime is how long the broker waits for a record before it answers with none.
const pollTime = time.Second

// read sees records until that fails.
func (f *Follower) read(ctx context.Context) error {
	f.wakeFiller()
	epoch, position, _ := f.seen()
	for {
		chunk, err := f.log.Topic.Fetch(ctx, position, pollTime, fetchBytes)
		if err != nil {
			return readError(err)
		}
		if err := f.Ready(); err != nil {
			return err // somebody else found that the topic went back
		}
		if chunk.Next <= position {
			continue
		}
		position = chunk.Next
		f.mu.Lock()
		f.ahead = position
		f.mu.Unlock()
		for i := range chunk.Records {
			if err := f.see(ctx, epoch, &chunk.Records[i]); err != nil {
				return err
			}
		}
		f.reached(&chunk)
		f.wakeFiller()
	}
}

// readError returns what it means that reading on failed.
func readError(err error) error {
	if errors.Is(err, topic.ErrOutOfRange) {
		return fmt.Errorf("%w: %w", ErrWentBack, err)
	}
	return unread(err)
}

// see handles one record. The error means that the log must be looked at again.
func (f *Follower) see(ctx context.Context, epoch string, r *topic.Record) error {
	if of := epochOf(r); of == "" || of == epoch {
		f.changed(r.Key, r.Offset)
		return nil
	}
	// Somebody wrote for an epoch that is over, or there is a new one.
	switch now, err := f.log.Begun(ctx); {
	case err != nil:
		return err
	case now != epoch:
		return errors.New("the topic of webhooks has another epoch")
	}
	return nil
}

// epochOf returns the epoch in a record's stamp, and "" if it has none.
func epochOf(r *topic.Record) string {
	e, err := entry.Parse(r.Value)
	if err != nil {
		return ""
	}
	return e.Epoch
}

// reached notes that everything in a part of the topic was seen.
func (f *Follower) reached(chunk *topic.Chunk) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range chunk.Records {
		f.heads.add(chunk.Records[i].Offset+1, changeOf(&chunk.Records[i]))
	}
	f.position = chunk.Next
	f.tell()
}
