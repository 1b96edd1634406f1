package edit

import (
	"context"
	"fmt"
	"time"

	"github.com/leadhook/leadhook/internal/wait"
	"github.com/leadhook/leadhook/webhook/topic"
)

const (
	// patience is for how long records are published again that Kafka does not take: a
	// cluster needs up to half of it to notice that a broker is gone.
	patience = 30 * time.Second

	// untold is for how long that happens before Waits is called.
	untold = 2 * time.Second
)

const unsure = "it is not known whether the change counts: look at the webhooks"

// publish appends records, again as long as Kafka is only unable to take them now. A record
// that comes twice does no harm.
func (e *Editor) publish(ctx context.Context, records []topic.Record) error {
	if len(records) == 0 {
		return nil
	}
	retry := wait.Endless(20*time.Millisecond, time.Second)
	began, told := time.Now(), false
	for tries := 1; ; tries++ {
		err := e.Log.Topic.Append(ctx, records)
		waited := time.Since(began)
		switch {
		case err == nil:
			return nil
		case topic.IsRefusal(err) && tries == 1 && records[0].Offset < 0:
			return fmt.Errorf("publishing webhooks: %w", err)
		case topic.IsRefusal(err):
			return fmt.Errorf("publishing webhooks: %w; %s", err, unsure)
		case waited >= patience:
			return fmt.Errorf("publishing webhooks: given up after %v: %w; %s", waited.Round(time.Second), err, unsure)
		case waited >= untold && !told && e.Waits != nil:
			e.Waits(err)
			told = true
		}
		if !wait.For(ctx, retry.NextBackOff()) {
			return fmt.Errorf("publishing webhooks: %w: %w; %s", context.Cause(ctx), err, unsure)
		}
	}
}
