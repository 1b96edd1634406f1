//go:build faults

package faults

import (
	"path/filepath"
	"testing"
	"time"
)

// TestFullWebhooksTopicMadeAgain deletes the topic that says whose leads are whose. Nobody
// may guess: all leads wait until somebody has recovered it.
func TestFullWebhooksTopicMadeAgain(t *testing.T) {
	r := newRig(t, setup{})
	w := r.tends()
	instances := r.runs(2)
	w.goes()
	w.stop()
	r.deleteTopics(r.webhooks())
	r.createTopics()
	for _, i := range instances {
		r.notReady(i)
	}
	w.published()
	time.Sleep(2 * time.Second) // what was asked for before is over
	delivered, waiting := r.crm.deliveries(), r.lag(r.topic)
	r.publish(500, 0, w.hooks...)
	time.Sleep(3 * time.Second)
	if n := r.crm.deliveries() - delivered; n != 0 {
		r.fails("%d leads were delivered without the topic of webhooks", n)
	}
	if n := r.lag(r.topic) - waiting; n != 500 {
		r.fails("%d of 500 leads wait, the others were settled without the topic of webhooks", n)
	}
	if err := w.command("", "webhooks", "recover", "--yes", "--file", filepath.Join(t.TempDir(), "recovery")); err != nil {
		r.giveUp("%v", err)
	}
	end := time.Now()
	for _, i := range instances {
		i.ready()
	}
	for range 3 {
		if err := w.step(); err != nil {
			r.fails("a change after the recovery: %v", err)
		}
	}
	w.settles("webhooks: their topic is deleted and made again, and recovered", end, "nothing was settled until then")
}
