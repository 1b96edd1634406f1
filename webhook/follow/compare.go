package follow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/shares"
	"github.com/leadhook/leadhook/webhook/topic"
)

// changeOf returns the change id in a record's stamp. A record without one, such as a
// tombstone, has a name made of what it is.
func changeOf(r *topic.Record) string {
	if e, err := entry.Parse(r.Value); err == nil {
		return e.Change
	}
	sum := sha256.Sum256([]byte(r.Key + "\x00" + string(r.Value)))
	return hex.EncodeToString(sum[:16])
}

// sameRecord reports whether a record with the change id head may be the last one below
// an offset, where the log has that of found, or no longer has a record.
func sameRecord(head, found string) bool { return head == "" || found == "" || head == found }

// A comparison compares places of shares with the topic, and reads each record once.
type comparison struct {
	log   *Log
	found map[int64]string // change ids, by the offset behind the record
}

func (l *Log) comparison() comparison { return comparison{l, make(map[int64]string)} }

// holds returns [ErrWentBack] if a share was filled up to a place from what the topic no
// longer has.
func (c comparison) holds(ctx context.Context, place shares.Place) error {
	found, known := c.found[place.Applied]
	if !known {
		var err error
		if found, err = c.log.headAt(ctx, place.Applied); err != nil {
			return err
		}
		c.found[place.Applied] = found
	}
	if !sameRecord(place.Head, found) {
		return filledOtherwise(place.Applied - 1)
	}
	return nil
}

// headAt returns the change id of the record right before an offset, and "" if it no
// longer exists.
func (l *Log) headAt(ctx context.Context, offset int64) (string, error) {
	if offset == 0 {
		return "", nil
	}
	chunk, err := l.Topic.Fetch(ctx, offset-1, 0, 1)
	if err != nil {
		return "", unread(err)
	}
	if len(chunk.Records) == 0 || chunk.Records[0].Offset != offset-1 {
		return "", nil
	}
	return changeOf(&chunk.Records[0]), nil
}
