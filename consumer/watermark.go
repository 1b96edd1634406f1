package consumer

import (
	"context"
	"encoding/json"
	"maps"
	"sync"
	"time"
)

// Watermarks keep, for whatever group reads next, how far each partition is settled.
type Watermarks interface {
	// Load returns the watermarks of a topic by partition; those of the partitions
	// that have one.
	Load(ctx context.Context, topic string) (map[int]string, error)

	// Store replaces the watermarks of some partitions of a topic.
	Store(ctx context.Context, topic string, marks map[int]string) error

	// Add stores a watermark of partitions that have none.
	Add(ctx context.Context, topic string, partitions []int, mark string) error

	// AnyMarks reports whether it is remembered of any message what became of it.
	AnyMarks(ctx context.Context) (bool, error)
}

// A watermark says how far a partition is settled, and by what its log can be told from
// another one. It is the metadata of a commit, and is kept beside the commits too.
type watermark struct {
	Offset int64         `json:"offset"`          // every message before it is settled
	Time   time.Time     `json:"time,omitzero"`   // about when the last of them was stamped; zero: not known
	Behind time.Duration `json:"behind,omitzero"` // how long before it was read

	First   int64 `json:"first,omitzero"`   // of the log
	Epoch   int32 `json:"epoch,omitzero"`   // of the partition's leader, when its log was looked at last
	EpochTo int64 `json:"epochTo,omitzero"` // where the log ended then
	Newest  stamp `json:"newest,omitzero"`  // of the settled messages, the one stamped latest; zero: not known

	// Unknown says of a kept watermark that the partition is not read, since nobody knows
	// how far it was.
	Unknown bool `json:"unknown,omitzero"`

	// Messages from Offset to HeldTo may be settled since Held. Zero if the commits
	// are not held up.
	Held   time.Time `json:"held,omitzero"`
	HeldTo int64     `json:"heldTo,omitzero"`
}

// parseWatermark returns the watermark of a text, and the zero one if it has none:
// another program commits other metadata.
func parseWatermark(text string) watermark {
	var w watermark
	if json.Unmarshal([]byte(text), &w) != nil {
		return watermark{}
	}
	return w
}

func (w *watermark) String() string {
	text, _ := json.Marshal(w) // of numbers and times of our own: never fails
	return string(text)
}

// A keeper stores watermarks while the session commits, without holding it up.
type keeper struct {
	in Watermarks // nil: nowhere

	mu      sync.Mutex
	pending map[string]map[int]string // guarded by mu, by topic and partition
}

// keepEvery is how often watermarks are stored.
const keepEvery = time.Second

// put has a watermark stored soon.
func (k *keeper) put(topic string, partition int, mark string) {
	if k.in == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pending == nil {
		k.pending = make(map[string]map[int]string)
	}
	if k.pending[topic] == nil {
		k.pending[topic] = make(map[int]string)
	}
	k.pending[topic][partition] = mark
}

// run stores watermarks until ctx ends.
func (k *keeper) run(ctx context.Context) {
	every := time.NewTicker(keepEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			k.store(ctx, requestTimeout)
		}
	}
}

// store stores what is pending. What cannot be stored is tried again with the next.
// An older watermark only makes a later group read more.
func (k *keeper) store(ctx context.Context, timeout time.Duration) {
	k.mu.Lock()
	pending := k.pending
	k.pending = nil
	k.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for topic, marks := range pending {
		if k.in.Store(ctx, topic, marks) != nil {
			k.back(topic, marks)
		}
	}
}

// back makes watermarks pending again, unless there are newer ones.
func (k *keeper) back(topic string, marks map[int]string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.Copy(marks, k.pending[topic])
	if k.pending == nil {
		k.pending = make(map[string]map[int]string)
	}
	k.pending[topic] = marks
}
