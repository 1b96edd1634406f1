// Package recovery publishes the webhooks again after their topic lost records or was
// made anew, with what the topic, Redis and an earlier try still have.
package recovery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/topic"
)

// ErrWhole is the error of recovering a topic that lost nothing.
var ErrWhole = errors.New("there is nothing to recover: the topic of webhooks has everything that Redis has")

// ErrNothing is the error of a recovery that found no webhooks anywhere. The topic is
// empty after it.
var ErrNothing = errors.New("no webhooks were found: run leadhook seed FILE")

// ErrMoved is the error of a recovery during which Redis or the topic was changed by
// somebody else. Repeating it begins with the file of the first try.
var ErrMoved = errors.New("Redis or the topic of webhooks was changed meanwhile: run it again")

// ErrUnreadable is the error of a recovery that found entries that do not open. Nothing was
// changed. What wraps it says why one of them does not.
var ErrUnreadable = errors.New("published again, no key would ever open them")

// errIncomplete is the error of a topic that does not have what was written to it.
var errIncomplete = errors.New("the topic lost some of them")

// A Recovery is one run of [Recovery.Run]. All fields but Force and LoseUnreadable are
// required.
type Recovery struct {
	Log *follow.Log

	// File is where everything that was found is kept until it was published. If it
	// exists, an earlier recovery did not end, and what it has counts as well.
	File string

	// Of names the service whose webhooks these are. A file of another one is refused.
	Of string

	// Anew deletes the topic and creates it again. Its brokers may learn of that later:
	// they have 30 seconds.
	Anew func(ctx context.Context) error

	// Force makes the topic anew although nothing in it is lost.
	Force bool

	// LoseUnreadable publishes entries that do not open as they are: they stay damaged for
	// good. A key that is only missing here would have opened them.
	LoseUnreadable bool

	// Confirm is called before the topic is made anew, with the number of advertisers
	// with webhooks that were found. Its error ends the recovery: nothing was changed.
	Confirm func(advertisers int) error

	copied string // the topic's epoch if it is not open: what a recovery has begun that did not end
}

// Run publishes in a new epoch, for each key, the newest entry that is to be found. The
// followers take up the new epoch by themselves. The error says what to do.
func (r *Recovery) Run(ctx context.Context) error {
	found, err := r.readFile()
	if err != nil {
		return err
	}
	if len(found) == 0 && !r.Force && r.whole(ctx) {
		return ErrWhole
	}
	before, err := r.collect(ctx, found)
	if err != nil {
		return err
	}
	if !r.LoseUnreadable {
		if err := r.opens(found); err != nil {
			return err
		}
	}
	if err := r.Confirm(found.advertisers()); err != nil {
		return err
	}
	if err := r.writeFile(found); err != nil {
		return err
	}
	switch end, err := r.Log.Topic.End(ctx); {
	case err != nil:
		return fmt.Errorf("reading the topic of webhooks: %w; run it again", err)
	case end != before.end:
		return ErrMoved // somebody changed webhooks, or recovers them too
	}
	if err := r.Anew(ctx); err != nil {
		return fmt.Errorf("making the topic of webhooks anew: %w; run it again", err)
	}
	if len(found) == 0 {
		return errors.Join(ErrNothing, os.Remove(r.File), r.drop(ctx, before.epochs))
	}
	epoch := entry.NewEpoch(found.epochs(before.epochs)...)
	if err := r.publishOnceKnown(ctx, epoch, found); err != nil {
		return fmt.Errorf("publishing webhooks: %w; run it again", err)
	}
	switch now, _, err := r.places(ctx, before.epochs); {
	case err != nil:
		return err
	case now != before.places:
		return ErrMoved
	}
	if err := r.exceed(ctx, before.before); err != nil {
		return fmt.Errorf("publishing webhooks: %w; run it again", err)
	}
	if err := r.Log.Open(ctx, epoch); err != nil {
		return fmt.Errorf("%w; run it again", err)
	}
	return errors.Join(os.Rename(r.File, r.File+".done"), r.tidy(ctx, epoch, before.epochs))
}

// brokersLearn is how long brokers may take to know a topic that was made anew.
const brokersLearn = 30 * time.Second

// publishOnceKnown publishes the entries in an epoch. Brokers learn of a new topic after it was
// created: until then they refuse what is written, or still write it to the old one. Nothing
// was written then that counts.
func (r *Recovery) publishOnceKnown(ctx context.Context, epoch string, found entries) error {
	for begin := time.Now(); ; {
		err := r.publish(ctx, epoch, found)
		unknown := topic.IsUnknown(err) || errors.Is(err, follow.ErrNotBegun) || errors.Is(err, errIncomplete)
		if !unknown || time.Since(begin) > brokersLearn || !wait.For(ctx, 100*time.Millisecond) {
			return err
		}
	}
}

// opens returns [ErrUnreadable] if some entries do not open. A box is bound to its epoch,
// so that what is not sealed again for the next one is lost, whatever key is found later.
func (r *Recovery) opens(found entries) error {
	unread, example := 0, error(nil)
	for _, key := range slices.Sorted(maps.Keys(found)) {
		e, err := entry.Parse(found[key])
		if err == nil {
			_, err = r.Log.Boxes.Open(e.Bound(key), e.Box)
		}
		if err == nil {
			continue
		}
		if unread++; example == nil {
			example = fmt.Errorf("%s: %w", key, err)
		}
	}
	if unread == 0 {
		return nil
	}
	return fmt.Errorf("%d of the %d entries that were found do not open, such as %w; %w; nothing was changed", unread, len(found), example, ErrUnreadable)
}

// whole reports whether the topic has an epoch and everything that Redis was filled with.
func (r *Recovery) whole(ctx context.Context) bool {
	epoch, err := r.Log.Epoch(ctx)
	return err == nil && !errors.Is(r.Log.Filled(ctx, epoch), follow.ErrWentBack)
}

// tidy removes from Redis the epochs that are over, once it has the new one.
func (r *Recovery) tidy(ctx context.Context, epoch string, over []string) error {
	if err := r.Log.Filled(ctx, epoch); err != nil {
		return fmt.Errorf("the webhooks are published; what Redis has of before was left there: %w", err)
	}
	return r.drop(ctx, over)
}

// drop removes epochs from Redis.
func (r *Recovery) drop(ctx context.Context, epochs []string) error {
	var errs []error
	for _, old := range epochs {
		errs = append(errs, r.Log.Shares.Drop(ctx, old))
	}
	return errors.Join(errs...)
}

// publish begins an epoch and publishes the entries in it, and reads them back.
func (r *Recovery) publish(ctx context.Context, epoch string, found entries) error {
	// A second record about the epoch would have compaction remove the first.
	if begun, err := r.Log.Begun(ctx); err != nil || begun != epoch {
		if err := r.Log.BeginWith(ctx, epoch); err != nil {
			return err
		}
	}
	const chunk = 1000
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(found)), chunk) {
		records := make([]topic.Record, len(keys))
		for i, key := range keys {
			value, err := r.forEpoch(epoch, key, found[key])
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			records[i] = topic.Record{Key: key, Value: value}
		}
		if err := r.Log.Topic.Append(ctx, records); err != nil {
			return err
		}
	}
	return r.readBack(ctx, epoch, found)
}

// exceed makes the topic longer than it was. A process that was frozen meanwhile asks for
// what follows the last record that it saw: it must be answered with a record of the new
// epoch, not with nothing, or it would go on with what it knew before.
func (r *Recovery) exceed(ctx context.Context, before int64) error {
	end, err := r.Log.Topic.End(ctx)
	if err != nil {
		return err
	}
	const chunk = 10_000
	for missing := before - end; missing > 0; missing -= chunk {
		fillers := make([]topic.Record, min(missing, chunk))
		for i := range fillers {
			fillers[i].Key = entry.OpenKey("") // means nothing, and compaction keeps one
		}
		if err := r.Log.Topic.Append(ctx, fillers); err != nil {
			return err
		}
	}
	return nil
}

// readBack returns nil if the topic has all entries in an epoch.
func (r *Recovery) readBack(ctx context.Context, epoch string, found entries) error {
	there := make(map[string]bool, len(found))
	for record, err := range r.Log.Records(ctx, 0) {
		if err != nil {
			return err
		}
		if e, err := entry.Parse(record.Value); err == nil && e.Epoch == epoch && found[record.Key] != nil {
			there[record.Key] = true
		}
	}
	if len(there) != len(found) {
		return errIncomplete
	}
	return nil
}

// forEpoch returns the value of an entry in another epoch. One that does not open is
// taken over as it is, and stays damaged.
func (r *Recovery) forEpoch(epoch, key string, value []byte) ([]byte, error) {
	old, err := entry.Parse(value)
	if err != nil {
		return nil, err
	}
	stamp := entry.Stamp{Epoch: epoch, Number: old.Number, Change: old.Change}
	next, err := entry.Restamp(r.Log.Boxes, key, &old, stamp)
	if err != nil {
		next = &entry.Entry{Stamp: stamp, Box: old.Box}
	}
	return next.Value(), nil
}
