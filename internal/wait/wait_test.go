package wait_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/leadhook/leadhook/internal/wait"
)

func TestForWaitsUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if !wait.For(t.Context(), time.Hour) {
			t.Error("it was cut, got false")
		}
		if took := time.Since(began); took != time.Hour {
			t.Errorf("it took %v, want 1h", took)
		}
	})
}

func TestForIsCutByItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if wait.For(ctx, time.Hour) {
			t.Error("it waited to the end, got true")
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it took %v, want 1m", took)
		}
	})
}

func TestEndlessNeverStops(t *testing.T) {
	waits := wait.Endless(100*time.Millisecond, 5*time.Second)
	if first := waits.NextBackOff(); first < 50*time.Millisecond || first > 150*time.Millisecond {
		t.Errorf("the first wait is %v, want about 100ms", first)
	}
	for range 1000 {
		if d := waits.NextBackOff(); d <= 0 || d > 7500*time.Millisecond {
			t.Fatalf("got a wait of %v, want one of at most 5s and a half", d)
		}
	}
}

func TestAnOutageIsAFewLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		o := wait.NewOutage(zap.New(core), zapcore.WarnLevel, "cannot read; retrying", "reading again", zap.String("topic", "leads"))
		o.Recovered()   // nothing was wrong
		for range 150 { // two and a half minutes
			o.Failed(errors.New("refused"))
			time.Sleep(time.Second)
		}
		o.Recovered()
		o.Recovered()
		o.Failed(errors.New("refused again"))
		o.Forget()
		o.Recovered()

		var got []string
		for _, line := range logs.All() {
			fields := line.ContextMap()
			var text strings.Builder
			text.WriteString(line.Level.String() + " " + line.Message)
			for _, key := range []string{"lasting", "lasted"} {
				if d, ok := fields[key].(time.Duration); ok {
					text.WriteString(" " + key + " " + d.String())
				}
			}
			if fields["topic"] != "leads" {
				t.Errorf("line %q has no topic", text.String())
			}
			got = append(got, text.String())
		}
		want := []string{
			"warn cannot read; retrying",
			"warn cannot read; retrying lasting 1m0s",
			"warn cannot read; retrying lasting 2m0s",
			"info reading again lasted 2m30s",
			"warn cannot read; retrying",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got lines\n%q, want\n%q", got, want)
		}
	})
}
