package clock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/leadhook/leadhook/internal/clock"
)

func TestAClockIsBelievedOnceAnotherAgrees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, lines := observer.New(zapcore.InfoLevel)
		c := clock.New(prometheus.NewRegistry(), zap.New(core))
		compare := func(of string, ahead time.Duration) {
			asked := time.Now()
			time.Sleep(10 * time.Millisecond)
			c.Compare(of, asked.Add(5*time.Millisecond-ahead), asked, time.Now())
		}
		steps := []struct {
			of       string
			ahead    time.Duration
			believed bool
			notes    int
			lines    int
		}{
			{"Redis", 9 * 365 * 24 * time.Hour, false, 1, 1},
			{"Redis", 9 * 365 * 24 * time.Hour, false, 1, 1},
			{"Kafka", -time.Hour, false, 2, 2},
			{"Kafka", 59 * time.Second, true, 1, 3}, // Redis is the one that is wrong
			{"Redis", -time.Second, true, 0, 4},
			{"Redis", 2 * time.Minute, true, 1, 5}, // as after a failover to a wrong one: this clock was not set
		}
		if !c.Believed() {
			t.Error("not believed before anything was compared")
		}
		for i, s := range steps {
			compare(s.of, s.ahead)
			if got := c.Believed(); got != s.believed {
				t.Errorf("step %d: believed %v", i, got)
			}
			if got := len(c.Notes()); got != s.notes {
				t.Errorf("step %d: %d notes", i, got)
			}
			if got := lines.Len(); got != s.lines {
				t.Errorf("step %d: %d lines", i, got)
			}
		}
	})
}
