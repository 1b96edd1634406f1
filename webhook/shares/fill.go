package shares

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// A Record is a record of the topic that is no tombstone. Its value begins with a
// stamp.
type Record struct {
	Key    string
	Value  []byte
	Offset int64 // in the topic; zero in what [Shares.All] yields, since it is not stored
}

// A Step takes a share from one place to a later one. Its records are all those of the
// share's keys from From.Applied on and below To.Applied, in the order of the topic,
// without tombstones.
type Step struct {
	Share    int
	From, To Place
	Records  []Record
}

// Fill takes steps, in one round trip to each node, in their order, and returns an
// error or nil for each. A step is taken as a whole or not at all: only if the share is
// exactly at From, else the error is [ErrMoved]. From the zero Place it makes a share
// that is not there.
//
// A record counts if it is of the epoch and its number is greater than that of the
// stored record of its key. If it has the change id of the stored one, it is a
// repetition and ignored. Any other is refused; if there is a stored record, a mark says
// so until a record with a greater number comes (see [Shares.Marked]).
//
// Redis does nothing else during a step, so the caller keeps steps small: at most 200
// records, or 1 MiB.
func (s *Shares) Fill(ctx context.Context, epoch string, steps []Step) []error {
	errs := make([]error, len(steps))
	var sound []int
	for i := range steps {
		if errs[i] = steps[i].check(); errs[i] == nil {
			sound = append(sound, i)
		}
	}
	unknown := s.run(ctx, epoch, steps, sound, fillScript.EvalSha, errs)
	if len(unknown) > 0 {
		s.run(ctx, epoch, steps, unknown, fillScript.Eval, errs)
	}
	return errs
}

// run takes those of the steps that are named, and returns which of them have to be taken
// again with the whole script, since Redis does not know its hash. The hash alone halves
// what a step without records costs Redis, and most are such.
func (s *Shares) run(ctx context.Context, epoch string, steps []Step, which []int, eval evaluation, errs []error) (unknown []int) {
	replies := make([]*redis.Cmd, len(which))
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for n, i := range which {
			replies[n] = eval(ctx, p, []string{s.recordsKey(steps[i].Share, epoch)}, steps[i].args(epoch)...)
		}
		return nil
	}) // its error is that of one of the replies
	for n, i := range which {
		errs[i] = filled(s.recordsKey(steps[i].Share, epoch), replies[n])
		if redis.HasErrorPrefix(replies[n].Err(), "NOSCRIPT") {
			unknown = append(unknown, i)
		}
	}
	return unknown
}

// An evaluation is a way to run a script.
type evaluation func(ctx context.Context, on redis.Scripter, keys []string, args ...any) *redis.Cmd

// check finds what would be wrong for ever: a record in another share is one that
// nobody finds.
func (s *Step) check() error {
	if s.From != (Place{}) && !s.From.valid() || !s.To.valid() || s.To.Applied < s.From.Applied {
		return fmt.Errorf("filling share %d: there is no way from place %q to %q", s.Share, s.From, s.To)
	}
	for _, r := range s.Records {
		if of := Of(r.Key); of != s.Share {
			return fmt.Errorf("filling share %d: the record of %q belongs to share %d", s.Share, r.Key, of)
		}
	}
	return nil
}

func (s *Step) args(epoch string) []any {
	args := make([]any, 0, 3+3*len(s.Records))
	args = append(args, epoch, s.From.String(), s.To.String())
	for _, r := range s.Records {
		args = append(args, r.Key, strconv.FormatInt(r.Offset, 10), r.Value)
	}
	return args
}

// filled reads what the script returned.
func filled(key string, reply *redis.Cmd) error {
	result, err := reply.StringSlice()
	if err != nil {
		return fmt.Errorf("filling webhooks into Redis: %w", err)
	}
	result = append(result, "", "", "") // what it does not say
	switch what, of, offset := result[0], result[1], result[2]; what {
	case "filled":
		return nil
	case "moved":
		return ErrMoved
	case "no hash":
		return damaged(key, "it is not a hash")
	case "no marks":
		return damaged(key, `its field "marks" holds no number`)
	case "no stored":
		return damaged(key, fmt.Sprintf("the record of %q in it has no stamp of its epoch", of))
	case "no record":
		return fmt.Errorf("filling webhooks into Redis: the record of %q at offset %s of the topic has no stamp", of, offset)
	}
	return fmt.Errorf("filling webhooks into Redis: an answer that is not the script's: %.40q", result[0])
}
