package shares

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Lease takes the lease of a share for a while, unless it is taken, and reports whether
// it did. A lease only saves work: who has none may fill the share as well.
func (s *Shares) Lease(ctx context.Context, share int, owner string, ttl time.Duration) (bool, error) {
	taken, err := s.rdb.SetNX(ctx, s.leaseKey(share), owner, ttl).Result()
	if err != nil {
		return false, fmt.Errorf("taking the lease of share %d in Redis: %w", share, err)
	}
	return taken, nil
}

const releaseScript = `
if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end
return 0`

// Release gives a lease back before it ends. It does nothing if the lease has another
// owner by now, or none.
func (s *Shares) Release(ctx context.Context, share int, owner string) error {
	if err := s.rdb.Eval(ctx, releaseScript, []string{s.leaseKey(share)}, owner).Err(); err != nil {
		return fmt.Errorf("giving the lease of share %d in Redis back: %w", share, err)
	}
	return nil
}

// SetHint remembers where in the topic the record is that opened an epoch.
func (s *Shares) SetHint(ctx context.Context, epoch string, offset int64) error {
	if err := s.rdb.Set(ctx, s.hintKey(), epoch+" "+strconv.FormatInt(offset, 10), 0).Err(); err != nil {
		return fmt.Errorf("writing to Redis where the epoch was opened: %w", err)
	}
	return nil
}

// Hint returns what [Shares.SetHint] remembered last; ok is false if there is nothing, or
// nothing that can be read. It may be outdated: the record at the offset decides.
func (s *Shares) Hint(ctx context.Context) (epoch string, offset int64, ok bool, err error) {
	text, err := s.rdb.Get(ctx, s.hintKey()).Result()
	switch {
	case errors.Is(err, redis.Nil), redis.HasErrorPrefix(err, "WRONGTYPE"):
		return "", 0, false, nil
	case err != nil:
		return "", 0, false, fmt.Errorf("reading from Redis where the epoch was opened: %w", err)
	}
	epoch, number, _ := strings.Cut(text, " ")
	at, wrong := strconv.ParseUint(number, 10, 63)
	if wrong != nil || !isID(epoch) {
		return "", 0, false, nil //nolint:nilerr // a hint that cannot be read is none
	}
	return epoch, int64(at), true, nil
}
