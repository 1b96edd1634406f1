//go:build real

package devstack_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/internal/devstack"
)

// kcat runs Debian's kcat, which is librdkafka: a client of another make than
// the one that the service uses.
func kcat(t *testing.T, k *devstack.Kafka, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "kcat", append([]string{"-b", k.Addr()}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("kcat %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestKcatPublishesAndReads(t *testing.T) {
	k := startKafka(t, devstack.KafkaOptions{Topics: map[string]int{"leads": 3}})
	kcat(t, k, `USA_1	{"a":1}`, "-P", "-t", "leads", "-p", "0", "-K", "\t", "-H", "traceparent=00-1")
	got := kcat(t, k, "", "-C", "-q", "-t", "leads", "-e", "-f", `%k %s %h\n`)
	if want := "USA_1 {\"a\":1} traceparent=00-1\n"; got != want {
		t.Errorf("kcat read %q, want %q", got, want)
	}
	put(t, clientFor(t, k), "leads", "b")
	if got, want := kcat(t, k, "", "-C", "-q", "-t", "leads", "-p", "0", "-o", "1", "-e"), "b\n"; got != want {
		t.Errorf("kcat read %q of what kafka-go published, want %q", got, want)
	}
	// A group, as the protocol's consumers join it.
	if got := kcat(t, k, "", "-G", "readers", "-q", "-e", "-o", "beginning", "leads"); strings.Count(got, "\n") != 2 {
		t.Errorf("kcat's group read %q, want two records", got)
	}
}
