package rediswatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// claimAfter is for how long a service does not claim keys that were another's. Where
// Redis was emptied, the owner claims them again within seconds, and must not be
// forestalled by one that uses its Redis by mistake.
const claimAfter = time.Minute

// lookAtOwner claims the keys if nobody has, and returns "" if they are this service's.
// Otherwise it returns whose they are and what to do, as a text for a person. The error
// means that it is not known.
func (w *Watch) lookAtOwner(ctx context.Context) (whose string, err error) {
	self, err := w.opts.Owner(ctx)
	if err != nil {
		return "", fmt.Errorf("asking for the service's own name: %w", err)
	}
	key := ownerKey(w.opts.Prefix)
	other, err := w.rdb.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		if !w.refused.IsZero() && time.Since(w.refused) < claimAfter {
			return key + " in Redis named another service and is gone; if none sets it again, it is claimed within a minute", nil
		}
		other, err = w.claim(ctx, key, self)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("asking Redis whose the keys %s:… are: %w", w.opts.Prefix, err)
	case other == self:
		w.refused = time.Time{}
		return "", nil
	}
	w.refused = time.Now()
	return anothers(w.opts.Prefix, other, self, "leads wait"), nil
}

func ownerKey(prefix string) string { return prefix + ":owner" }

// anothers says, for a person, whose the keys are, what therefore is, and what to do.
func anothers(prefix, other, self, therefore string) string {
	key := ownerKey(prefix)
	return fmt.Sprintf("the keys %s:… in Redis are those of another service: %s is %q, and this service is %q, so %s."+
		" If both are in use, give this one another redis.prefix. If Kafka or the topic was replaced and the other is"+
		" gone for good, take over: redis-cli SET %s '%s'", prefix, key, other, self, therefore, key, self)
}

// ErrForeign is the error of keys in Redis that are another service's.
var ErrForeign = errors.New("another service's")

// foreign is an [ErrForeign] with a text of its own.
type foreign string

func (f foreign) Error() string      { return string(f) }
func (foreign) Is(target error) bool { return target == ErrForeign }

// Check returns nil if the keys below a prefix are those of the service with the name
// self, or of none yet: it is for commands, and leaves it to the service to claim them.
// The error is [ErrForeign], with a text for a person, or that of asking Redis.
func Check(ctx context.Context, rdb redis.UniversalClient, prefix, self string) error {
	switch other, err := rdb.Get(ctx, ownerKey(prefix)).Result(); {
	case errors.Is(err, redis.Nil), err == nil && other == self:
		return nil
	case err != nil:
		return fmt.Errorf("asking Redis whose the keys %s:… are: %w", prefix, err)
	default:
		return foreign(anothers(prefix, other, self, "nothing was done"))
	}
}

// claim sets the key if it is not set, and returns what it is then.
func (w *Watch) claim(ctx context.Context, key, self string) (string, error) {
	if err := w.rdb.SetNX(ctx, key, self, 0).Err(); err != nil {
		return "", err
	}
	return w.rdb.Get(ctx, key).Result()
}
