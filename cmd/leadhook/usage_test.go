package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// alone runs a command that needs nothing around it.
func alone(environ []string, args ...string) result {
	return (&rig{environ: environ}).leadhook("", args...)
}

// allCommands are those that the command line declares, with those that hold
// others, and without hidden ones.
func allCommands(t *testing.T) []*kong.Node {
	t.Helper()
	var all []*kong.Node
	w := &app{stdout: io.Discard, stderr: io.Discard}
	err := kong.Visit(w.parser(t.Context(), &commands{}).Model, func(node kong.Visitable, next kong.Next) error {
		if command, ok := node.(*kong.Node); ok && command.Type == kong.CommandNode && !command.Hidden {
			all = append(all, command)
		}
		return next(nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestHelpHasExamples(t *testing.T) {
	t.Parallel()
	for _, node := range allCommands(t) {
		name := strings.TrimPrefix(node.FullPath(), "leadhook ")
		got := alone(nil, append(strings.Fields(name), "--help")...)
		if got.code != exitDone || got.errs != "" || !containsAll(got.out, "Usage: leadhook "+name, "Examples:", "    leadhook ") {
			t.Errorf("leadhook %s --help: got exit code %d, want 0 and examples on standard output:\n%s%s", name, got.code, got.out, got.errs)
		}
	}
}

func TestWithoutArgumentsItShowsItsHelp(t *testing.T) {
	t.Parallel()
	bare, asked := alone(nil), alone(nil, "--help")
	if bare != asked || bare.code != exitDone || !strings.Contains(bare.out, "Commands:") {
		t.Errorf("got exit code %d and\n%s%swant the help:\n%s", bare.code, bare.out, bare.errs, asked.out)
	}
}

func TestTheVersion(t *testing.T) {
	t.Parallel()
	if got := alone(nil, "--version"); got.code != exitDone || got.out != buildVersion()+"\n" {
		t.Errorf("got exit code %d and %q, want 0 and %q", got.code, got.out, buildVersion())
	}
}

func TestWrongUsageIsExitCodeTwo(t *testing.T) {
	t.Parallel()
	faulty := filepath.Join(t.TempDir(), "leadhook.yaml")
	if err := os.WriteFile(faulty, []byte("http:\n  timeuot: 5s\n  timeout: soon\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args, environ string
		want          []string // on standard error
	}{
		{"run --nope", "", []string{"--nope", `See "leadhook --help"`}},
		{"frobnicate", "", []string{"frobnicate", `See "leadhook --help"`}},
		{"seed", "", []string{"<file>"}},
		{"publish --sample fax", "", []string{"--sample", "call", "email"}},
		{"publish --sample call leads.json", "", []string{"files or --sample"}},
		{"publish --count 5", "", []string{"--count"}},
		{"publish --advertiser USA_1 leads.json", "", []string{"--advertiser", "--sample"}},
		{"publish --trigger existing_contact leads.json", "", []string{"--trigger", "--sample"}},
		{"publish --sample call --count 0", "", []string{"--count"}},
		{"publish --sample call --rate -1", "", []string{"--rate"}},
		{"publish --sample call --trigger never", "", []string{"--trigger", "new_contact"}},
		{"webhooks list --limit -1", "", []string{"--limit"}},
		{"webhooks list --format xml", "", []string{"--format", "json", "adf"}},
		{"webhooks show", "", []string{"<id>"}},
		{"dev crm answer /json-new-1 nope", "", []string{"status from 200 to 599", "hang"}},
		{"dev crm answer /json-new-1 slow soon", "", []string{"soon", "30s"}},
		{"dev crm answer /json-new-1", "", []string{"<answer>"}},
		{"dev crm answer https:///json-new-1 401", "", []string{"URL"}},
		{"dev crm answers --listen nowhere", "", []string{"--listen", "host:port"}},
		{"dlq list --limit 0", "", []string{"--limit"}},
		{"dlq tail --limit -1", "", []string{"--limit"}},
		{"dlq list --since yesterday", "", []string{"--since", "7d", "2026-11-23"}},
		{"dlq list --since 1h --until 2h", "", []string{"--until", "later than --since"}},
		{"dlq list --status 4x1", "", []string{"--status", "4xx", "none"}},
		{"dlq list --reason tired", "", []string{"--reason", "tired", "exhausted", "webhook_removed"}},
		{"dlq show", "", []string{"<letter>"}},
		{"dlq show 17", "", []string{"PARTITION/OFFSET", "dlv_"}},
		{"dlq stats --top 0", "", []string{"--top"}},
		{"dlq replay", "", []string{"--all"}},
		{"dlq replay 3/17 --webhook x", "", []string{"not both"}},
		{"dlq replay --all --rate -1", "", []string{"--rate"}},
		{"dlq list --output xml", "", []string{"--output", "table", "json"}},
		{"config", "LEADHOOK_HTTP_TIMEOUT=soon LEADHOOK_KAFKA_TOPC=x", []string{
			"LEADHOOK_HTTP_TIMEOUT: http.timeout", "LEADHOOK_KAFKA_TOPC", "did you mean LEADHOOK_KAFKA_TOPIC?"}},
		{"run", "LEADHOOK_KAFKA_SASL_MECHANISM=plain", []string{"kafka.sasl"}},
		{"topics check", "LEADHOOK_KAFKA_TLS_ENABLED=true LEADHOOK_KAFKA_TLS_CA_FILE=/none/ca.pem", []string{"kafka.tls", "/none/ca.pem"}},
		{"seed - --config " + faulty, "", []string{faulty + ":2:3", "did you mean http.timeout?", faulty + ":3:12: http.timeout"}},
		{"config --config /none/leadhook.yaml", "", []string{"/none/leadhook.yaml"}},
	} {
		got := alone(strings.Fields(tc.environ), strings.Fields(tc.args)...)
		if got.code != exitUsage || got.out != "" || !containsAll(got.errs, tc.want...) {
			t.Errorf("%s leadhook %s: got exit code %d, want 2, %q and nothing on standard output:\n%s%s",
				tc.environ, tc.args, got.code, tc.want, got.out, got.errs)
		}
	}
}

func TestConfigShowsWhatIsInForceAndHidesSecrets(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "leadhook.yaml")
	if err := os.WriteFile(file, []byte("http:\n  timeout: 7s\nkafka: {topic: leads.test}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := alone([]string{"LEADHOOK_CONFIG=" + file, "LEADHOOK_KAFKA_TOPIC=leads.other", "LEADHOOK_REDIS_URL=redis://:hush@redis.example.com/1"}, "config")
	if got.code != exitDone || !containsAll(got.out, "timeout: 7s", file, "leads.other", "LEADHOOK_KAFKA_TOPIC", "redis.example.com") {
		t.Errorf("got exit code %d, want the settings in force and their origins:\n%s%s", got.code, got.out, got.errs)
	}
	if strings.Contains(got.out+got.errs, "hush") {
		t.Error("the password shows")
	}
}

func TestTheDefaultsAreASettingsFile(t *testing.T) {
	t.Parallel()
	defaults := alone(nil, "config", "--defaults")
	if defaults.code != exitDone {
		t.Fatal(defaults.errs)
	}
	file := filepath.Join(t.TempDir(), "leadhook.yaml")
	if err := os.WriteFile(file, []byte(defaults.out), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := alone(nil, "config", "--config", file); got.code != exitDone || !strings.Contains(got.out, file) {
		t.Errorf("got exit code %d, want the file taken:\n%s", got.code, got.errs)
	}
}

// silent is the address of one who never says a word: the kernel accepts.
func silent(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}
