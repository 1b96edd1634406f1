package config

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const docsHead = `<!-- Generated from the table in config/settings.go: go test ./config -update -->
# Settings

leadhook reads its settings from a YAML file, named with ` + "`--config`" + ` or ` + "`LEADHOOK_CONFIG`" + `, and from
environment variables, which override the file. Neither is needed to begin with: the defaults
expect Kafka and Redis on this machine.

` + "```yaml" + `
kafka:
  brokers: [kafka-1.example.com:9092, kafka-2.example.com:9092]
http:
  timeout: 20s
` + "```" + `

The variable of ` + "`http.timeout`" + ` is ` + "`LEADHOOK_HTTP_TIMEOUT`" + `. %s
A variable that is set but empty gives the empty value, which not every setting accepts.

- ` + "`leadhook config`" + ` shows the effective settings and the origin of each, with secrets masked;
  ` + "`leadhook config --defaults`" + ` prints a file of all settings, annotated.
  A longer example is [examples/leadhook.yaml](../examples/leadhook.yaml).
- All errors are reported at once, with line and column. An unknown setting is an error, and so is an unknown
  variable that begins with ` + "`LEADHOOK_`" + ` (except those that Kubernetes sets for a service).
- Passwords and keys can be in files, such as mounted secrets: ` + "`…_file`" + `. In a URL, ` + "`@`, `/` and `:`" + ` of a
  password are written ` + "`%%40`, `%%2F` and `%%3A`" + `.
- Paths are relative to the directory in which leadhook was started.

## Kinds of Redis

| Redis | settings |
| --- | --- |
| one server | ` + "`url: redis://redis:6379/0`" + ` |
| with TLS and a password | ` + "`url: rediss://leadhook@redis:6380/0`, `password_file: /run/secrets/redis`" + ` |
| behind Sentinels | ` + "`mode: sentinel`, `url: redis://sentinel-1:26379,sentinel-2:26379/0`, `sentinel_master: leadhook`" + ` |
| a Cluster | ` + "`mode: cluster`, `url: redis://redis-1:6379,redis-2:6379`" + ` |

User, password, database and TLS in the URL are those of Redis itself. The Sentinels have
` + "`redis.sentinel_username` and `redis.sentinel_password`" + `, and the same TLS settings.
`

func TestDocsAreCurrent(t *testing.T) {
	const file = "../docs/settings.md"
	got := docs()
	if *Update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what the table says; go test ./config -update (-file +table):\n%s", file, diff)
	}
}

func docs() string {
	var b strings.Builder
	fmt.Fprintf(&b, docsHead, notation)
	for _, sec := range sections(&Config{}) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| setting and variable | default | value | meaning |\n| --- | --- | --- | --- |\n",
			sec.name, sec.meaning)
		for _, s := range sec.settings {
			def := "empty"
			if s.def != "" {
				def = "`" + s.def + "`"
			}
			fmt.Fprintf(&b, "| `%s`<br>`%s` | %s | %s | %s |\n", s.key, s.variable(), def, s.value, s.meaning)
		}
	}
	return b.String()
}
