package edit

import (
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// chunk is how many advertisers' lists are changed, or ids are claimed, at a time, and
// inFlight how many chunks are: while one waits for Kafka or Redis, another one is
// prepared. More would read what the others wrote once more each.
const chunk, inFlight = 2000, 2

// inChunks calls do with all of a list, chunk by chunk, and returns the first error. After
// it no further chunk is begun; those that are under way are waited for.
func inChunks[T any](list []T, do func([]T) error) error {
	var group errgroup.Group
	group.SetLimit(inFlight)
	var failed atomic.Bool
	for part := range slices.Chunk(list, chunk) {
		group.Go(func() error {
			if failed.Load() {
				return nil
			}
			err := do(part)
			if err != nil {
				failed.Store(true)
			}
			return err
		})
	}
	return group.Wait()
}
