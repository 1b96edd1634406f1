package attempt_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/lead"
)

// heapHeld returns how much of the memory that the heap took it did not give back.
func heapHeld() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapSys - stats.HeapReleased
}

// TestManyLeadsAreScrubbedAtOnce has the attempts at many large leads fail at once.
func TestManyLeadsAreScrubbedAtOnce(t *testing.T) {
	const size = 900 << 10
	leads, most := 16*runtime.GOMAXPROCS(0), 24<<20*uint64(runtime.GOMAXPROCS(0))
	long := fmt.Appendf(nil, `{"form":{"message":%q}}`, strings.Repeat("<p>is <b>the blue car</b> still there</p>", size/41))
	target := requestTo(t, &lead.Webhook{URL: hookURL}).Target
	debug.FreeOSMemory()
	before := heapHeld()
	var all sync.WaitGroup
	for range leads {
		all.Go(func() {
			request := &attempt.Request{Target: target, Lead: long}
			if o, _, err := request.Judge([]byte("HTTP/1.1 422 No\r\n\r\nis the blue car still there? no")); err != nil || o.Answer != "***? no" {
				t.Errorf("got %q, %v", o.Answer, err)
			}
		})
	}
	all.Wait()
	if after := heapHeld(); after > before+most {
		t.Errorf("the heap grew from %d to %d MiB for %d leads of %d KiB", before>>20, after>>20, leads, size>>10)
	}
}
