package follow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// begin begins to follow, or goes on with it after an interruption if the log is still
// the one that was read before.
func (f *Follower) begin(ctx context.Context) error {
	// Before the epoch: if the log was made anew in between, reading from there finds it.
	end, err := f.log.end(ctx)
	if err != nil {
		return err
	}
	epoch, err := f.log.Epoch(ctx)
	if errors.Is(err, ErrNotBegun) {
		return f.notBegun(ctx, end)
	}
	if err != nil {
		return err
	}
	known, position, head := f.seen()
	if epoch != known {
		return f.renew(ctx, epoch, end)
	}
	if end < position {
		return fmt.Errorf("%w (it was read up to %d and ends at %d)", ErrWentBack, position, end)
	}
	found, err := f.log.headAt(ctx, position)
	if err != nil {
		return err
	}
	if !sameRecord(head, found) {
		return fmt.Errorf("%w (record %d is another one than was read)", ErrWentBack, position-1)
	}
	if err := f.checkShares(ctx, epoch, end); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = nil
	f.sessions++
	f.tell()
	return nil
}

// notBegun returns what it means that the log has no epoch that is open: something was
// lost if it had one.
func (f *Follower) notBegun(ctx context.Context, end int64) error {
	if known, _, _ := f.seen(); known != "" {
		return ErrWentBack
	}
	if epoch, err := f.log.Begun(ctx); err == nil {
		return cmp.Or(f.checkShares(ctx, epoch, end), ErrNotBegun)
	}
	return ErrNotBegun
}

// renew begins to follow an epoch from the log's end on.
func (f *Follower) renew(ctx context.Context, epoch string, end int64) error {
	head, err := f.log.headAt(ctx, end)
	if err != nil {
		return err
	}
	if err := f.checkShares(ctx, epoch, end); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch, f.position, f.ahead, f.broken = epoch, end, end, nil
	f.sessions++
	f.heads.reset(end, head)
	f.places.reset()
	f.renewed()
	f.tell()
	return nil
}

// checkShares returns [ErrWentBack] if a share was filled with what the topic no longer
// has. A share that cannot be read is looked at when it is used: see
// [Follower.Holds].
func (f *Follower) checkShares(ctx context.Context, epoch string, end int64) error {
	states := f.log.Shares.States(ctx, epoch)
	topic := f.log.comparison()
	for n := range states {
		s := &states[n]
		if s.Err != nil || s.Applied == 0 {
			continue
		}
		if s.Applied > end {
			now, err := f.log.end(ctx) // another process may have filled it since
			if err != nil {
				return err
			}
			if end = now; s.Applied > end {
				return filledBeyond(s.Applied, end)
			}
		}
		if err := topic.holds(ctx, s.Place); err != nil {
			return err
		}
	}
	return nil
}
