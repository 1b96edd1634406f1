package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/internal/realstack"
)

// places are the addresses that documents name, and what they are here.
func (d dev) places() []string {
	_, port, _ := net.SplitHostPort(d.crm)
	return []string{
		"127.0.0.1:9092", d.kafka, "127.0.0.1:6379", d.redis, "127.0.0.1:8085", d.crm, "127.0.0.1:9464", d.admin,
		"LEADHOOK_HTTP_ALLOW_PORTS=8085", "LEADHOOK_HTTP_ALLOW_PORTS=" + port, "allow_ports: [8085]", "allow_ports: [" + port + "]",
	}
}

// besideDev opens a console beside a `leadhook dev`.
func besideDev(t *testing.T) (*console, *instance) {
	t.Helper()
	d := newDev(t)
	i := start(t, d.environ(), "dev")
	i.says("All 4 have arrived.")
	return newConsole(t, d.environ(), "leads", d.places()...), i
}

// document follows a document from a heading to the next of its level, or all
// of it.
func (c *console) document(file, part string) {
	c.t.Helper()
	text := readText(c.t, file)
	before, after := "", ""
	if part != "" {
		var ok bool
		if before, text, ok = strings.Cut(text, "\n"+part+"\n"); !ok {
			c.t.Fatalf("%s has no heading %q", file, part)
		}
		level, _, _ := strings.Cut(part, " ")
		if text, after, ok = strings.Cut(text, "\n"+level+" "); ok {
			after = "\n" + level + " " + after
		}
		before += "\n" + part + "\n"
	}
	shown := c.follow(text)
	if c.typed == 0 {
		c.t.Errorf("%s %s has no command to type", file, part)
	}
	if *update {
		if err := os.WriteFile(file, []byte(before+shown+after), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
}

// TestDocsWalkThrough does what docs/walkthrough.md says, line by line, and
// compares what it shows with what comes.
func TestDocsWalkThrough(t *testing.T) {
	t.Parallel()
	c, _ := besideDev(t)
	c.files = "prairie.yaml"
	c.document("../../docs/walkthrough.md", "")
}

// TestDocsWebhookOfYourOwn does what docs/webhooks.md says about trying one.
func TestDocsWebhookOfYourOwn(t *testing.T) {
	t.Parallel()
	c, i := besideDev(t)
	c.document("../../docs/webhooks.md", "## Try one")
	i.says(" POST /mine ")
}

// TestDocsToolsOfOperating types what docs/operating.md shows of the tools.
func TestDocsToolsOfOperating(t *testing.T) {
	t.Parallel()
	c, _ := besideDev(t)
	c.document("../../docs/operating.md", "## The tools")
}

// TestDocsCommandsOfDev types what docs/dev.md shows. Where a reader is told
// to wait for a lead, it does: else the lead that is tried again would be
// refused, too.
func TestDocsCommandsOfDev(t *testing.T) {
	t.Parallel()
	c, i := besideDev(t)
	c.before["leadhook dev crm answer /json-new-1 422"] = func() {
		until(t, poll, "the CRM has taken the sample lead and the one that it refused", func() bool {
			taken := 0
			for line := range strings.Lines(i.log.String()) {
				if strings.Contains(line, "POST /json-new-1 ") && !strings.Contains(line, "answered") {
					taken++
				}
			}
			return taken == 2
		})
	}
	c.document("../../docs/dev.md", "")
}

var callsLeadhook = regexp.MustCompile(`(^|[|;&(] *)(bin/)?leadhook `)

// TestDocsCommandsAreAsOneTypesThem has bash and leadhook read each line
// of a console in the docs, also of those that no test types.
func TestDocsCommandsAreAsOneTypesThem(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "../../CONTRIBUTING.md") {
		for _, block := range consoleBlock.FindAllStringSubmatch(readText(t, file), -1) {
			for _, step := range steps(block[2]) {
				if !callsLeadhook.MatchString(step.line) {
					continue
				}
				calls := typedInBash(t, strings.ReplaceAll(step.line, "bin/leadhook ", "leadhook "))
				if len(calls) == 0 {
					t.Errorf("%s: this does not call leadhook: %s", file, step.line)
				}
				for _, args := range calls {
					a := &app{stdout: io.Discard, stderr: io.Discard}
					if _, err := a.parser(t.Context(), &commands{}).Parse(args); err != nil {
						t.Errorf("%s: this is wrong: %s: %v", file, step.line, err)
					}
					examplesExist(t, args)
				}
			}
		}
	}
}

// TestDocsFirstMinute types what README shows first.
func TestDocsFirstMinute(t *testing.T) {
	t.Parallel()
	d := newDev(t)
	newConsole(t, d.environ(), "leads", d.places()...).document("../../README.md", "## The first minute")
}

// TestServersOfREADME types what README shows about servers of one's own, down
// to the lead that arrives.
func TestServersOfREADME(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{partitions: 12, noTopics: true, redis: startRedis(t).url, crm: realstack.FreeAddr(t)})
	at, err := url.Parse(r.redis)
	if err != nil {
		t.Fatal(err)
	}
	d := dev{kafka: r.kafka, redis: at.Host, crm: r.crmAddr, admin: realstack.FreeAddr(t)}
	environ := slices.DeleteFunc(slices.Clone(r.environ), func(entry string) bool {
		return strings.HasPrefix(entry, "LEADHOOK_HTTP_") || strings.HasPrefix(entry, "LEADHOOK_RETRY_") ||
			strings.HasPrefix(entry, "LEADHOOK_SECRETS_")
	})
	environ = append(environ, "LEADHOOK_DEV_CRM_LISTEN="+d.crm, "LEADHOOK_ADMIN_LISTEN="+d.admin)
	c := newConsole(t, environ, r.topic, d.places()...)
	c.document("../../README.md", "## On real Kafka and Redis")
	until(t, poll, "the sample CRM shows the lead that was published, and the test lead", func() bool {
		return strings.Count(c.served["leadhook dev crm"].wrote(), " POST /prairie/json ") == 2
	})
}

// beTool makes the test binary as much of a program as documents need that not
// every machine has: jq or curl.
const beTool = "E2E_BE_TOOL"

func init() { //nolint:gochecknoinits // before the tests, in a process of its own
	var err error
	switch tool := os.Getenv(beTool); tool {
	case "":
		return
	case "jq":
		err = jq(os.Args[1:])
	case "curl":
		err = curl(os.Args[1:])
	default:
		err = fmt.Errorf("no %s here", tool)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// jq knows .event.
func jq(args []string) error {
	if !slices.Equal(args, []string{".event"}) {
		return fmt.Errorf("jq %v: not known here", args)
	}
	var letter struct{ Event json.RawMessage }
	if err := json.NewDecoder(os.Stdin).Decode(&letter); err != nil {
		return err
	}
	_, err := fmt.Println(string(letter.Event))
	return err
}

// curl knows -X, -d and -s.
func curl(args []string) error {
	flags := flag.NewFlagSet("curl", flag.ContinueOnError)
	flags.Bool("s", true, "shows no progress, as here anyway")
	method, body := flags.String("X", http.MethodGet, "method"), flags.String("d", "", "body")
	if err := flags.Parse(args); err != nil {
		return err
	}
	req, err := http.NewRequest(*method, flags.Arg(0), strings.NewReader(*body))
	if err != nil {
		return err
	}
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.Copy(os.Stdout, res.Body)
	return err
}
