package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/config"
)

func TestMemoryDecidesWhatIsAuto(t *testing.T) {
	for _, c := range []struct {
		memory                  string
		attempts, events, bytes int
		heap                    int64
		environ                 []string
	}{
		{memory: "512MiB", attempts: 4096, events: 16384, bytes: 64 << 20, heap: 448 << 20},
		{memory: "536870912", attempts: 4096, events: 16384, bytes: 64 << 20, heap: 448 << 20}, // as Kubernetes writes it
		{memory: "2GiB", attempts: 16384, events: 65536, bytes: 256 << 20, heap: 1792 << 20},
		{memory: "64GiB", attempts: 100_000, events: 400_000, bytes: 8 << 30, heap: 56 << 30},
		{memory: "64MiB", attempts: 512, events: 2048, bytes: 8 << 20, heap: 56 << 20,
			environ: []string{"LEADHOOK_REDIS_CACHE_BYTES=8MiB", "LEADHOOK_REDIS_LEDGER_PENDING=10000"}},
	} {
		loaded := load(t, "", append(c.environ, "LEADHOOK_MEMORY="+c.memory)...)
		got := loaded.Config
		if got.HTTP.MaxInFlight != c.attempts || got.Consumer.OpenEvents != c.events || got.Consumer.OpenBytes != c.bytes {
			t.Errorf("with %s there are %d attempts, %d open events and %d open bytes; want %d, %d, %d", c.memory,
				got.HTTP.MaxInFlight, got.Consumer.OpenEvents, got.Consumer.OpenBytes, c.attempts, c.events, c.bytes)
		}
		if got.HeapLimit() != c.heap {
			t.Errorf("with %s the heap's limit is %d, want %d", c.memory, got.HeapLimit(), c.heap)
		}
		want := config.Setting{Key: "http.max_in_flight", Value: fmt.Sprint(c.attempts), Origin: "derived from memory"}
		if got := setting(t, loaded, want.Key); got != want {
			t.Errorf("with %s: got %+v, want %+v", c.memory, got, want)
		}
	}
}

func TestWhatIsSetDoesNotFollowFromMemory(t *testing.T) {
	file := write(t, "memory: 1GiB\nhttp:\n  max_in_flight: 100\nconsumer:\n  open_bytes: auto\n  open_events: 300\n")
	loaded := load(t, file, "LEADHOOK_CONSUMER_OPEN_EVENTS=auto")
	for key, want := range map[string]config.Setting{
		"http.max_in_flight":   {Value: "100", Origin: file + ":3:18"},
		"consumer.open_bytes":  {Value: "128MiB", Origin: file + ":5:15"},
		"consumer.open_events": {Value: "32768", Origin: "LEADHOOK_CONSUMER_OPEN_EVENTS"},
	} {
		want.Key = key
		if got := setting(t, loaded, key); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestMemoryMustHaveRoomForWhatIsSet(t *testing.T) {
	const parts = "(http.max_in_flight %s, consumer.open_events %s, consumer.open_bytes %s, redis.cache_bytes 32MiB, redis.ledger_pending 20MiB)"
	for _, c := range []struct {
		environ []string
		want    string
	}{
		{[]string{"LEADHOOK_MEMORY=273MiB"}, ""}, // docs/operating.md says that it is the least
		{[]string{"LEADHOOK_MEMORY=272MiB"}, "LEADHOOK_MEMORY: memory: 272MiB is too little: 204MiB of it"},
		{[]string{"LEADHOOK_MEMORY=128MiB"}, "LEADHOOK_MEMORY: memory: 128MiB is too little: 96MiB of it are for what other settings allow," +
			" and that is 124MiB " + fmt.Sprintf(parts, "32MiB", "24MiB", "16MiB") + "; raise it, or lower those"},
		{[]string{"LEADHOOK_HTTP_MAX_IN_FLIGHT=5000"}, ""},
		{[]string{"LEADHOOK_HTTP_MAX_IN_FLIGHT=20000"}, "LEADHOOK_HTTP_MAX_IN_FLIGHT: memory: 512MiB is too little: 384MiB of it are for what other settings allow," +
			" and that is 837MiB " + fmt.Sprintf(parts, "625MiB", "96MiB", "64MiB") + "; raise it, or lower those"},
		{[]string{"LEADHOOK_CONSUMER_OPEN_BYTES=8000000000GiB"}, "LEADHOOK_CONSUMER_OPEN_BYTES: memory: 512MiB is too little"},
		{[]string{"LEADHOOK_MEMORY=32MiB"}, "LEADHOOK_MEMORY: memory: 32MiB is too little: want at least 64MiB"},
		{[]string{"LEADHOOK_MEMORY=1000GiB"}, "LEADHOOK_MEMORY: memory: 1000GiB is too much: want at most 64GiB"},
		{[]string{"LEADHOOK_MEMORY=auto"}, `LEADHOOK_MEMORY: memory: "auto" is not a size`},
		{[]string{"LEADHOOK_HTTP_MAX_IN_FLIGHT=0"}, "LEADHOOK_HTTP_MAX_IN_FLIGHT: http.max_in_flight: 0 is too little: want at least 1"},
	} {
		_, err := config.Load("", c.environ)
		if err == nil && c.want == "" {
			continue
		}
		if err == nil || c.want == "" || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v\n got %v\nwant %s", c.environ, err, c.want)
		}
	}
}
