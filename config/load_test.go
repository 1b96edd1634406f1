package config_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/webhook/seal"
)

func TestFaultsOfFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no test files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := config.Load(filepath.ToSlash(file), nil)
			if err == nil {
				t.Fatal("loaded without a fault")
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", err.Error()+"\n")
			if strings.Contains(err.Error(), "hunter22") {
				t.Errorf("a secret shows in: %v", err)
			}
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *config.Update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestFaultsOfVariables(t *testing.T) {
	for _, c := range []struct{ name, entry, want string }{
		{"unknown", "LEADHOOK_KAFKA_BROKER=kafka:9092",
			"LEADHOOK_KAFKA_BROKER: unknown variable; did you mean LEADHOOK_KAFKA_BROKERS?"},
		{"far from any", "LEADHOOK_COLOUR=blue",
			"LEADHOOK_COLOUR: unknown variable; leadhook config --defaults lists them all"},
		{"a prefix of all", "LEADHOOK_SECRETS_ENV_PREFIX=",
			`LEADHOOK_SECRETS_ENV_PREFIX: secrets.env_prefix: "" cannot begin the name of a variable: want letters, digits and _, not beginning with a digit, at most 64 characters`},
		{"a prefix of ours", "LEADHOOK_SECRETS_ENV_PREFIX=LEAD",
			"LEADHOOK_SECRETS_ENV_PREFIX: secrets.env_prefix: LEAD would allow variables that begin with LEADHOOK_, leadhook's own settings"},
		{"like the file's", "LEADHOOK_CONFG=leadhook.yaml",
			"LEADHOOK_CONFG: unknown variable; did you mean LEADHOOK_CONFIG?"},
		{"of several lines", "LEADHOOK_A\nB=c", "LEADHOOK_A?B: unknown variable; leadhook config --defaults lists them all"},
		{"wrong kind", "LEADHOOK_HTTP_TIMEOUT=15",
			`LEADHOOK_HTTP_TIMEOUT: http.timeout: "15" has no unit: write 15s for seconds`},
		{"empty", "LEADHOOK_HTTP_ALLOW_HTTP=",
			`LEADHOOK_HTTP_ALLOW_HTTP: http.allow_http: "" is neither true nor false`},
		{"with a password", "LEADHOOK_KAFKA_BROKERS=SASL_SSL://bob:hush@kafka:9093",
			"LEADHOOK_KAFKA_BROKERS: kafka.brokers: an address must not have a user or a password: there are settings for them"},
		{"empty list", "LEADHOOK_KAFKA_BROKERS=,", "LEADHOOK_KAFKA_BROKERS: kafka.brokers: must not be empty"},
		{"a prefix that would move keys in a Cluster", "LEADHOOK_REDIS_PREFIX={leads}",
			`LEADHOOK_REDIS_PREFIX: redis.prefix: "{leads}" is not a prefix: want letters, digits, . _ and -, 1 to 64 characters`},
		{"no file", "LEADHOOK_CONFIG=testdata/none", "testdata/none: reading the settings: open testdata/none: no such file or directory"},
		{"a directory", "LEADHOOK_CONFIG=testdata", "testdata: reading the settings: read testdata: is a directory"},
		{"no secret file", "LEADHOOK_REDIS_PASSWORD_FILE=testdata/none",
			"LEADHOOK_REDIS_PASSWORD_FILE: redis.password_file: open testdata/none: no such file or directory"},
		{"too many bytes", "LEADHOOK_CONSUMER_OPEN_BYTES=9999999999GiB",
			`LEADHOOK_CONSUMER_OPEN_BYTES: consumer.open_bytes: "9999999999GiB" is more bytes than can be counted`},
		{"too many days", "LEADHOOK_TOPICS_RETENTION=99999999999d",
			`LEADHOOK_TOPICS_RETENTION: topics.retention: "99999999999d" is not a duration: want one such as 10s, 1h30m or 7d`},
		{"rule broken by the default", "LEADHOOK_KAFKA_SESSION_TIMEOUT=1s",
			"LEADHOOK_KAFKA_SESSION_TIMEOUT: kafka.heartbeat_interval: 500ms is too much: want at most a third of kafka.session_timeout, which is 333ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := config.Load("", []string{"PATH=/bin", c.entry})
			if err == nil || err.Error() != c.want {
				t.Errorf("%s\n got %v\nwant %s", c.entry, err, c.want)
			}
		})
	}
}

func TestFileThatIsTooLargeIsAFault(t *testing.T) {
	file := write(t, strings.Repeat("# settings\n", 10_000))
	_, err := config.Load(file, nil)
	if want := file + " is larger than 64KiB"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestFaultsOfFileAndVariablesTogether(t *testing.T) {
	file := write(t, "http: {timeout: 10}\nlog: {level: loud}\n")
	_, err := config.Load(file, []string{"LEADHOOK_ADMIN_PPROF=1", "LEADHOOK_ADMIN_LISTENS=:1"})
	if err == nil {
		t.Fatal("no fault")
	}
	var got []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		at, _, _ := strings.Cut(strings.TrimPrefix(line, file), ": ")
		got = append(got, at)
	}
	want := []string{":1:17", ":2:14", "LEADHOOK_ADMIN_LISTENS", "LEADHOOK_ADMIN_PPROF"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places of the faults (-want +got):\n%s\n%v", diff, err)
	}
}

func TestVariablesOverFileOverDefaults(t *testing.T) {
	file := write(t, `
kafka:
  brokers: [kafka-1:9092, kafka-2:9092]
  topic: calls
  timeout: 30 # no unit; overridden
http.timeout: 20s
`)
	loaded := load(t, file, "LEADHOOK_KAFKA_TOPIC=chats", "LEADHOOK_KAFKA_TOPIC=forms", "LEADHOOK_KAFKA_TIMEOUT=4s",
		"LEADHOOK_HTTP_ALLOW_CIDRS=10.0.0.0/8, 2001:db8::1", "LEADHOOK_HTTP_ALLOW_PORTS=8443", "LEADHOOK_TOPICS_RETENTION=1d12h")

	want := config.Default()
	want.Kafka.Brokers = []string{"kafka-1:9092", "kafka-2:9092"}
	want.Kafka.Topic = "forms"
	want.Kafka.Timeout = 4 * time.Second
	want.HTTP.Timeout = 20 * time.Second
	want.HTTP.AllowCIDRs = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")}
	want.HTTP.AllowPorts = []int{8443}
	want.Topics.Retention = 36 * time.Hour
	equal(t, loaded.Config, want)

	for key, want := range map[string]string{
		"kafka.brokers": file + ":3:12",
		"http.timeout":  file + ":6:15",
		"kafka.topic":   "LEADHOOK_KAFKA_TOPIC",
		"kafka.group":   "default",
	} {
		if got := setting(t, loaded, key).Origin; got != want {
			t.Errorf("%s comes from %s, want %s", key, got, want)
		}
	}
	if got, want := setting(t, loaded, "http.allow_cidrs").Value, "10.0.0.0/8,2001:db8::1/128"; got != want {
		t.Errorf("http.allow_cidrs shows as %s, want %s", got, want)
	}
}

func TestFilesThatGiveNothing(t *testing.T) {
	for _, text := range []string{"", "\n# nothing\n", "---\n", "{}", "\xef\xbb\xbfkafka:\n", "kafka:\nredis:\n  tls:\n", "null"} {
		equal(t, load(t, write(t, text)).Config, config.Default())
	}
}

func TestVariableNamesTheFile(t *testing.T) {
	file := write(t, "log: {level: debug}")
	if got := load(t, "", "LEADHOOK_CONFIG="+file).Config.Log.Level; got != "debug" {
		t.Errorf("log.level is %s, want debug", got)
	}
	other := write(t, "log: {level: warn}")
	if got := load(t, other, "LEADHOOK_CONFIG="+file).Config.Log.Level; got != "warn" {
		t.Errorf("log.level is %s, want that of the file that was named: warn", got)
	}
}

// Kubernetes sets variables for each service in a namespace; a service named
// leadhook must not keep leadhook from starting.
func TestVariablesOfKubernetesAreNoFault(t *testing.T) {
	load(t, "", "LEADHOOK_SERVICE_HOST=10.0.0.1", "LEADHOOK_SERVICE_PORT=80", "LEADHOOK_SERVICE_PORT_METRICS=80",
		"LEADHOOK_PORT=tcp://10.0.0.1:80", "LEADHOOK_PORT_80_TCP=tcp://10.0.0.1:80", "LEADHOOK_PORT_80_TCP_ADDR=10.0.0.1",
		"LEADHOOK_ADMIN_SERVICE_HOST=10.0.0.1")
	if _, err := config.Load("", []string{"LEADHOOK_PORT=80"}); err == nil {
		t.Error("LEADHOOK_PORT=80 is nothing that Kubernetes sets, and was taken")
	}
}

func TestAdminListenerCanBeSwitchedOff(t *testing.T) {
	if got := load(t, "", "LEADHOOK_ADMIN_LISTEN=").Config.Admin.Listen; got != "" {
		t.Errorf("admin.listen is %q, want none", got)
	}
}

func TestExampleLoads(t *testing.T) {
	dir := t.TempDir()
	secrets := strings.NewReplacer("/run/secrets/kafka-password", secretFile(t, dir, "kafka", "one\n"),
		"/run/secrets/redis-password", secretFile(t, dir, "redis", "two\n"),
		"/run/secrets/leadhook-keys", secretFile(t, dir, "keys", seal.NewKey().Reveal()+"\n"))
	example, err := os.ReadFile("../examples/leadhook.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := load(t, write(t, secrets.Replace(string(example)))).Config
	if c.Kafka.SASL.Password.Reveal() != "one" || c.Redis.Password.Reveal() != "two" {
		t.Error("the example's password files were not read")
	}
	if len(c.Secrets.Keys) != 1 {
		t.Errorf("the example has %d keys, want the one in its file", len(c.Secrets.Keys))
	}
	if len(c.Kafka.Brokers) < 2 || !c.Kafka.TLS.Enabled || !c.Redis.TLS.Enabled {
		t.Error("the example is not one for production any more: several brokers, TLS")
	}
}

func load(t *testing.T, file string, environ ...string) config.Loaded {
	t.Helper()
	loaded, err := config.Load(file, environ)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func write(t *testing.T, text string) string {
	t.Helper()
	return secretFile(t, t.TempDir(), "leadhook.yaml", text)
}

func secretFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func setting(t *testing.T, loaded config.Loaded, key string) config.Setting {
	t.Helper()
	for _, s := range loaded.Settings {
		if s.Key == key {
			return s
		}
	}
	t.Fatalf("no setting %s", key)
	return config.Setting{}
}

func equal(t *testing.T, got, want config.Config) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(samePrefix)); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func samePrefix(a, b netip.Prefix) bool { return a == b }

func TestLinesOfAFileFromWindowsAreCountedOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "leadhook.yaml")
	if err := os.WriteFile(file, []byte("# one\r\n# two\r\nkafka:\r\n  broker: x\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(file, nil); err == nil || !strings.Contains(err.Error(), file+":4:3: ") {
		t.Errorf("got %v, want a fault in line 4", err)
	}
}

func TestReadingBeginsAtAWordOrATime(t *testing.T) {
	for text, good := range map[string]bool{
		"": true, "earliest": true, "latest": true, "2026-11-30T08:00:00Z": true, "2026-11-30T08:00:00+02:00": true,
		"first": false, "2026-11-30": false, "-2": false,
	} {
		_, err := config.Load("", []string{"LEADHOOK_KAFKA_START=" + text})
		if good != (err == nil) || !good && !strings.Contains(err.Error(), "kafka.start") {
			t.Errorf("kafka.start %q: got error %v", text, err)
		}
	}
}
