//go:build broken_places

package follow

import (
	"context"
	"time"

	"github.com/leadhook/leadhook/internal/wait"
)

// lag leaves Redis behind the topic for a while, as a slow filler does. The cache that is
// broken with the same tag believes what it finds there meanwhile.
func lag(ctx context.Context) { wait.For(ctx, 500*time.Millisecond) }

// showUnfilled lets look-ups ask Redis before it is filled.
func (f *Follower) showUnfilled(ctx context.Context, epoch string) {
	states := f.log.Shares.States(ctx, epoch)
	f.places.set(&states)
}
