package follow

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/leadhook/leadhook/webhook/shares"
)

// places is what is known of how far the shares in Redis have been filled.
type places struct {
	mu      sync.Mutex
	states  [shares.Count]shares.State // guarded by mu: as they were read or filled last
	since   [shares.Count]time.Time    // guarded by mu: since when a share cannot be read; zero: it can
	checked [shares.Count]int64        // guarded by mu: up to where a share's last record was compared with the topic
	moved   chan struct{}              // guarded by mu: closed and replaced when states change
}

var errNotAsked = errors.New("Redis was not asked for webhooks yet")

func (p *places) init() {
	p.moved = make(chan struct{})
	for n := range p.states {
		p.states[n].Err = errNotAsked
	}
}

func (p *places) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.checked = [shares.Count]int64{}
}

func (p *places) set(states *[shares.Count]shares.State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.states = *states
	for n := range states {
		switch {
		case states[n].Err == nil:
			p.since[n] = time.Time{}
		case p.since[n].IsZero():
			p.since[n] = time.Now()
		}
	}
	close(p.moved)
	p.moved = make(chan struct{})
}

// Shares returns how far each share in Redis was filled when that was looked at last, or
// why it could not be read, and a channel that is closed when it was looked at again.
func (f *Follower) Shares() ([shares.Count]shares.State, <-chan struct{}) {
	f.places.mu.Lock()
	defer f.places.mu.Unlock()
	return f.places.states, f.places.moved
}

// Readable returns nil if a share in Redis could be read when that was looked at last, and
// otherwise why not, and a channel that is closed when it was looked at again.
func (f *Follower) Readable(share int) (looked <-chan struct{}, err error) {
	f.places.mu.Lock()
	defer f.places.mu.Unlock()
	return f.places.moved, f.places.states[share].Err
}

// UnreadableSince returns since when a share in Redis cannot be read, as far as that was
// looked at; zero if it can.
func (f *Follower) UnreadableSince(share int) time.Time {
	f.places.mu.Lock()
	defer f.places.mu.Unlock()
	return f.places.since[share]
}

// Fill says that a share was found behind: it is filled soon.
func (f *Follower) Fill() { f.wakeFiller() }

func (f *Follower) wakeFiller() {
	select {
	case f.fill <- struct{}{}:
	default:
	}
}

// The filler looks at the shares when records come, when somebody found one behind, and
// now and then: Redis may have been emptied or have gone back.
const lookEvery = time.Second

// fillAll fills the shares until ctx ends.
func (f *Follower) fillAll(ctx context.Context) {
	for {
		select {
		case <-f.fill:
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return
		}
		if _, err := f.following(ctx); err != nil {
			return
		}
		if err := f.fillOnce(ctx); err != nil && ctx.Err() == nil {
			if errors.Is(err, ErrWentBack) {
				f.stop(err)
			}
			select {
			case <-time.After(soon):
			case <-ctx.Done():
			}
		}
	}
}

func (f *Follower) fillOnce(ctx context.Context) error {
	epoch, position := f.Position()
	f.showUnfilled(ctx, epoch)
	states, err := f.log.Fill(ctx, epoch, position)
	f.dropDamaged(ctx, epoch, &states)
	f.places.set(&states)
	if err != nil {
		return err
	}
	if end, err := f.log.Topic.End(ctx); err != nil || end != position {
		return err
	}
	return f.log.Repair(ctx, epoch, position, &states)
}

// dropDamaged removes shares that hold what leadhook does not write: they are filled again.
func (f *Follower) dropDamaged(ctx context.Context, epoch string, states *[shares.Count]shares.State) {
	for n := range states {
		if err := states[n].Err; errors.Is(err, shares.ErrDamaged) {
			f.out.Error("webhooks in Redis are damaged; filling them again from Kafka", zap.Int("share", n), zap.Error(err))
			if f.log.Shares.DropShare(ctx, epoch, n) == nil {
				f.wakeFiller()
			}
		}
	}
}

// Holds reports whether a share that was filled up to a place was filled from this log.
// It blocks until the place was seen here too. The error is [ErrWentBack] if the place is
// not one of this log: then the Follower stops until the topic was recovered.
func (f *Follower) Holds(ctx context.Context, share int, place shares.Place) error {
	f.places.mu.Lock()
	known := f.places.checked[share] == place.Applied
	f.places.mu.Unlock()
	if known || place.Applied == 0 {
		return nil
	}
	if err := f.reach(ctx, place.Applied); err != nil {
		return err
	}
	f.mu.Lock()
	head := f.heads.at(place.Applied)
	f.mu.Unlock()
	if head == "" {
		var err error
		if head, err = f.log.headAt(ctx, place.Applied); err != nil {
			return err
		}
	}
	if !sameRecord(place.Head, head) {
		err := filledOtherwise(place.Applied - 1)
		f.stop(err)
		return err
	}
	f.places.mu.Lock()
	f.places.checked[share] = place.Applied
	f.places.mu.Unlock()
	return nil
}

// reach blocks until everything below an offset was seen.
func (f *Follower) reach(ctx context.Context, offset int64) error {
	for {
		f.mu.Lock()
		position, broken, moved := f.position, f.broken, f.moved
		f.mu.Unlock()
		if position >= offset {
			return nil
		}
		if broken != nil {
			return broken
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
