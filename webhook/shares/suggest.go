package shares

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Some yields records whose keys begin with a prefix, of all shares side by side, until
// there are no more, ctx ends or Redis fails: it is for suggestions, which may be
// incomplete. One record may come twice.
func (s *Shares) Some(ctx context.Context, epoch, prefix string) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		cursors := make(map[int]uint64, Count)
		for share := range Count {
			cursors[share] = 0
		}
		pattern := recordMark + globEscape.Replace(prefix) + "*"
		for len(cursors) > 0 {
			for share, reply := range s.step(ctx, epoch, cursors, pattern) {
				pairs, next, err := reply.Result()
				if err != nil {
					return
				}
				if !yieldPairs(pairs, yield) {
					return
				}
				if cursors[share] = next; next == 0 {
					delete(cursors, share)
				}
			}
		}
	}
}

func yieldPairs(pairs []string, yield func(Record) bool) (more bool) {
	for pair := range slices.Chunk(pairs, 2) {
		if !yield(Record{Key: pair[0][1:], Value: []byte(pair[len(pair)-1])}) {
			return false
		}
	}
	return true
}

// step scans on in each share that has a cursor.
func (s *Shares) step(ctx context.Context, epoch string, cursors map[int]uint64, pattern string) map[int]*redis.ScanCmd {
	replies := make(map[int]*redis.ScanCmd, len(cursors))
	_, _ = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for share, cursor := range cursors {
			replies[share] = p.HScan(ctx, s.recordsKey(share, epoch), cursor, pattern, looked)
		}
		return nil
	}) // its error is that of one of the replies
	return replies
}

// globEscape turns a text into a pattern of Redis that matches only this text.
var globEscape = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)
