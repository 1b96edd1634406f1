package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/devstack"
	"github.com/leadhook/leadhook/internal/realstack"
	"github.com/leadhook/leadhook/internal/samplecrm"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/topics"
	"github.com/leadhook/leadhook/webhook/seal"
)

// A rig is all that leadhook needs around it: a Kafka and a Redis, embedded or
// those that the environment names, and a CRM. The names of topics, group,
// advertisers and webhooks are the test's own, so that tests can share servers.
type rig struct {
	t          testing.TB
	unique     string
	topic      string // of the lead events, and the group
	partitions int
	kafka      string // host:port
	redis      string // URL
	environ    []string
	client     *kafka.Client
	crm        *samplecrm.CRM
	crmAddr    string          // host:port
	hooks      map[string]hook // as they were seeded last, by id
}

// A setup says what a rig is to be like. The zero value is the usual one.
type setup struct {
	partitions int                                   // zero: 4
	answer     func(samplecrm.Post) samplecrm.Answer // of the CRM; nil: 204
	kafka      string                                // instead of the usual one
	redis      string                                // instead of the usual one
	crm        string                                // host:port, instead of one of the rig's own
	noTopics   bool                                  // they are not created
	environ    []string
}

var rigs atomic.Int64

// sealingKey is what webhooks are sealed with: one for all rigs, two of which may share
// webhooks.
var sealingKey = seal.NewKey().Reveal()

func newRig(t testing.TB, s setup) *rig {
	t.Helper()
	r := &rig{t: t, partitions: cmp.Or(s.partitions, 4), kafka: s.kafka, redis: s.redis, hooks: map[string]hook{}}
	r.unique = strconv.FormatInt(time.Now().UnixNano()/1000, 36) + strconv.FormatInt(rigs.Add(1), 36)
	r.topic = "e2e-" + r.unique
	if r.crmAddr = s.crm; s.crm == "" {
		r.crm = startCRM(t, samplecrm.Options{Answer: s.answer})
		r.crmAddr = r.crm.Addr()
	}
	r.startServers()
	_, port, _ := net.SplitHostPort(r.crmAddr)
	r.environ = append([]string{
		"LEADHOOK_KAFKA_BROKERS=" + r.kafka, "LEADHOOK_KAFKA_TOPIC=" + r.topic, "LEADHOOK_KAFKA_GROUP=" + r.topic,
		"LEADHOOK_KAFKA_HEARTBEAT_INTERVAL=200ms", "LEADHOOK_KAFKA_COMMIT_INTERVAL=50ms",
		"LEADHOOK_TOPICS_PARTITIONS=" + strconv.Itoa(r.partitions), "LEADHOOK_REDIS_URL=" + r.redis,
		"LEADHOOK_REDIS_PREFIX=" + r.topic, "LEADHOOK_SECRETS_KEYS=" + sealingKey,
		"LEADHOOK_ADMIN_LISTEN=127.0.0.1:0", "LEADHOOK_RETRY_QUICK_WAIT=20ms",
		"LEADHOOK_RETRY_DELAYS=" + strings.Join(retryDelays, ","), "LEADHOOK_RETRY_SCHEDULE=200ms",
		"LEADHOOK_HTTP_ALLOW_HTTP=true", "LEADHOOK_HTTP_ALLOW_CIDRS=127.0.0.0/8", "LEADHOOK_HTTP_ALLOW_PORTS=" + port,
	}, s.environ...)
	if !s.noTopics {
		r.createTopics()
	}
	return r
}

// createTopics returns when the new partitions have leaders.
func (r *rig) createTopics() {
	r.t.Helper()
	r.must("", "topics", "create")
	r.until("the topics are there", func() bool {
		return len(r.ends(topics.WebhooksName(r.topic))) == 1 &&
			!slices.ContainsFunc(r.topics(), func(topic string) bool { return len(r.ends(topic)) != r.partitions })
	})
}

// retryDelays are those of a rig's retry topics: a delivery that fails waits
// 200 ms, once, and one that is put off ten seconds.
var retryDelays = []string{"200ms", "2s", "10s"}

// topics are those of a rig that leads are in, in the order of creation.
func (r *rig) topics() []string {
	names := []string{r.topic}
	for _, delay := range retryDelays {
		names = append(names, r.topic+".retry."+delay)
	}
	return append(names, r.topic+".dlq")
}

// startServers starts what is not named, and makes the client for questions.
func (r *rig) startServers() {
	r.t.Helper()
	if r.kafka == "" {
		r.kafka = os.Getenv(realstack.KafkaVariable)
	}
	if r.kafka == "" {
		k, err := devstack.StartKafka(devstack.KafkaOptions{})
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(k.Close)
		r.kafka = k.Addr()
	}
	if r.redis == "" {
		r.redis = os.Getenv(realstack.RedisVariable)
	}
	if r.redis == "" {
		r.redis = startRedis(r.t).url
	}
	transport := &kafka.Transport{MetadataTTL: 200 * time.Millisecond}
	r.t.Cleanup(transport.CloseIdleConnections)
	r.client = &kafka.Client{Addr: kafka.TCP(r.kafka), Transport: transport, Timeout: 10 * time.Second}
}

func startCRM(t testing.TB, opts samplecrm.Options) *samplecrm.CRM {
	t.Helper()
	opts.KeepPosts, opts.KeepCounts = 2000, 100_000
	crm, err := samplecrm.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(crm.Close)
	return crm
}

// name makes a name the rig's own.
func (r *rig) name(name string) string { return name + "-" + r.unique }

// A result is what a command said.
type result struct {
	code      int
	out, errs string
}

// leadhook runs a command to its end, with stdin as standard input.
func (r *rig) leadhook(stdin string, args ...string) result {
	var out, errs output
	w := &app{args: args, environ: r.environ, stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	code := w.main(ctx)
	return result{code, out.String(), errs.String()}
}

// must is leadhook for what has to succeed; it returns standard output.
func (r *rig) must(stdin string, args ...string) string {
	r.t.Helper()
	got := r.leadhook(stdin, args...)
	if got.code != exitDone {
		r.t.Fatalf("leadhook %s: exit code %d\n%s%s", strings.Join(args, " "), got.code, got.out, got.errs)
	}
	return got.out
}

// A hook is a webhook as a seed file has it.
type hook struct {
	ID         string            `json:"id"`
	Advertiser string            `json:"advertiser"`
	URL        string            `json:"url"`
	Event      string            `json:"event"`
	LeadTypes  []string          `json:"lead_types"`
	Format     string            `json:"format"`
	Active     bool              `json:"active"`
	Auth       string            `json:"authorization,omitempty"`
	AuthHeader string            `json:"auth_header,omitempty"`
	Answers    *lead.Answers     `json:"answers,omitempty"`
	Secrets    []string          `json:"signing_secrets,omitempty"`
	Headers    map[string]string `json:"headers,omitempty"`
	Rate       float64           `json:"rate,omitempty"`
}

// hook is an active JSON webhook for new contacts of every type, to be changed
// as the test likes. Its URL's path is the id, by which the CRM tells who is
// meant.
func (r *rig) hook(id, advertiser string) hook {
	id = r.name(id)
	return hook{
		ID: id, Advertiser: advertiser, URL: "http://" + r.crmAddr + "/" + id, Event: "new_contact",
		LeadTypes: []string{"calls", "chats", "forms"}, Format: "json", Active: true,
	}
}

// seed seeds webhooks and returns what the command said.
func (r *rig) seed(hooks ...hook) string {
	r.t.Helper()
	file, err := json.Marshal(map[string][]hook{"webhooks": hooks})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, h := range hooks {
		r.hooks[h.ID] = h
	}
	return r.must(string(file), "seed", "-")
}

// publish publishes events with the command.
func (r *rig) publish(events ...string) {
	r.t.Helper()
	r.must(strings.Join(events, "\n"), "publish", "-")
}

// put writes records to the live topic as they are, whatever they are.
func (r *rig) put(records ...kafka.Message) {
	r.t.Helper()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	w := &kafka.Writer{
		Addr: kafka.TCP(r.kafka), Transport: transport, Topic: r.topic, Balancer: &kafka.Hash{},
		RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, BatchBytes: 8 << 20, MaxAttempts: 20,
	}
	defer func() { _ = w.Close() }()
	if err := w.WriteMessages(r.t.Context(), records...); err != nil {
		r.t.Fatal(err)
	}
}

// event is a small lead event.
func event(advertiser, trigger, eventType string, id int) string {
	return fmt.Sprintf(`{"advertiser_id":%q,"trigger":%q,"lead":{"id":%d,"event_type":%q,"contact":{"first_name":"Ada"}}}`,
		advertiser, trigger, id, eventType)
}

// calls are n events of calls of new contacts, with the ids from first on.
func calls(advertiser string, first, n int) []string {
	events := make([]string, n)
	for i := range events {
		events[i] = event(advertiser, "new_contact", "call", first+i)
	}
	return events
}

// poll is how long until waits where nothing else is said.
const poll = time.Minute

// until polls until ok.
func (r *rig) until(what string, ok func() bool) { r.t.Helper(); until(r.t, poll, what, ok) }

func until(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// output is what a command writes, which may be looked at meanwhile.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// lines counts the lines with some text in them.
func (o *output) lines(text string) int {
	n := 0
	for line := range strings.Lines(o.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func readerOf(o *output) *strings.Reader { return strings.NewReader(o.String()) }

func containsAll(text string, parts ...string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// publishSpread are the arguments to publish samples for the advertisers 1 to
// n, as spreadAdvertiser names them.
func (r *rig) publishSpread(count, n int, more ...string) []string {
	return append([]string{"publish", "--sample", "form", "--advertiser", r.name("USA") + "_",
		"--count", strconv.Itoa(count), "--spread", strconv.Itoa(n)}, more...)
}

func (r *rig) spreadAdvertiser(n int) string { return r.name("USA") + "_" + strconv.Itoa(n) }

// linesWith yields the lines of a text that begin so.
func linesWith(text, prefix string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, prefix) && !yield(line) {
				return
			}
		}
	}
}
