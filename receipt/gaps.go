package receipt

import (
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/leadhook/leadhook/internal/wait"
)

// Gaps logs that receipts are lost: for all partitions together, so that there are a few lines
// and not a few for each.
type gaps struct {
	lines *wait.Outage

	mu sync.Mutex
	n  int // partitions that lose receipts; guarded by mu
}

func newGaps(log *zap.Logger) *gaps {
	return &gaps{lines: wait.NewOutage(log, zapcore.WarnLevel,
		"receipts are lost; leads go on without them", "receipts are no longer lost; a record says which were")}
}

func (g *gaps) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
}

func (g *gaps) lasts(cause error) { g.lines.Failed(cause) }

func (g *gaps) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n--; g.n == 0 {
		g.lines.Recovered()
	}
}
