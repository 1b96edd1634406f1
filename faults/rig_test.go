//go:build faults

package faults

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// A rig is what one test has for itself: topics, a group, webhooks, a CRM,
// instances. Its faults are those that the test's own hand made.
type rig struct {
	t       *testing.T
	tags    string // build tags that break the service; empty: it is sound
	binary  string
	unique  string
	topic   string // of the lead events
	group   string
	environ []string
	brokers []string // what is not the service reaches Kafka by them
	three   *three   // nil: there is one broker
	kafka   *kafka.Client
	crm     *crm
	ca      *authority
	rand    *rand.Rand
	hooks   map[string]*hook // by id, as they were seeded last
	started int              // processes
	leads   atomic.Int64     // lead ids given out, from 1
	gone    int              // how many of the leads went with their topic

	partitions int         // of each topic but that of the webhooks
	instances  []*instance // all processes that were started

	last  *account // the newest one
	bound bound    // what its next row tolerates

	mu     sync.Mutex
	lives  map[string]*life // guarded by mu: the webhooks that operators change, by id
	faults []fault          // guarded by mu
	wrong  []string         // guarded by mu: what the case found
	shown  int              // guarded by mu: how much of that is in a row
}

// partitions is how many a topic has, but that of the webhooks.
const partitions = 12

// sealingKey is what the webhooks are sealed with.
const sealingKey = "lhk1_mDGBlMWIAFONy_i9XLBiyaBD-8RY6a_BrNKElVHufCgN42Hw"

// A setup says what a rig is to be like. The zero value is the usual one.
type setup struct {
	tags      string   // build tags that break the service
	slowKafka bool     // Kafka is reached by its line
	three     bool     // Kafka is three brokers
	slowRedis bool     // Redis is reached by its line
	redis     string   // another Redis than that of the stack; empty: that one
	environ   []string // more settings
}

var rigs atomic.Int64

func newRig(t *testing.T, s setup) *rig {
	t.Helper()
	servers.heal(t)
	r := &rig{t: t, bound: usualBound, tags: s.tags, binary: binary(t, s.tags), rand: chance(t), hooks: map[string]*hook{}, lives: map[string]*life{}, crm: newCRM(t), ca: newAuthority(t)}
	r.unique = strconv.FormatInt(time.Now().UnixMilli(), 36) + strconv.FormatInt(rigs.Add(1), 36)
	r.topic = "faults-" + r.unique
	r.group, r.partitions = r.topic, partitions
	transport := &kafka.Transport{MetadataTTL: 200 * time.Millisecond}
	t.Cleanup(transport.CloseIdleConnections)
	brokers, redis := r.findBrokers(s), servers.redis.Addr()
	r.kafka = &kafka.Client{Addr: kafka.TCP(r.brokers...), Transport: transport, Timeout: 10 * time.Second}
	if s.slowRedis {
		redis = servers.redisLine.addr()
	}
	redis = cmp.Or(s.redis, redis)
	r.environ = append([]string{
		"LEADHOOK_KAFKA_BROKERS=" + brokers, "LEADHOOK_KAFKA_TOPIC=" + r.topic, "LEADHOOK_KAFKA_GROUP=" + r.topic,
		"LEADHOOK_TOPICS_PARTITIONS=" + strconv.Itoa(partitions), "LEADHOOK_REDIS_URL=redis://" + redis + "/0",
		"LEADHOOK_SECRETS_KEYS=" + sealingKey, "LEADHOOK_ADMIN_LISTEN=127.0.0.1:0", "LEADHOOK_HTTP_ALLOW_HTTP=true",
		"LEADHOOK_HTTP_ALLOW_CIDRS=127.0.0.0/8", "LEADHOOK_HTTP_CA_FILE=" + r.ca.file,
	}, s.environ...)
	r.allowPorts()
	r.createTopics()
	t.Cleanup(r.report)
	return r
}

// findBrokers finds the rig's brokers, and returns how the service reaches them.
func (r *rig) findBrokers(s setup) (service string) {
	r.t.Helper()
	if s.three {
		r.three = servers.needThree(r.t)
		r.brokers = r.three.cluster.Addrs()
		if s.slowKafka {
			return strings.Join(r.three.lineAddrs(), ",")
		}
		return strings.Join(r.brokers, ",")
	}
	servers.endThree()
	r.brokers = []string{servers.kafka.Addr()}
	if s.slowKafka {
		return servers.kafkaLine.addr()
	}
	return servers.kafka.Addr()
}

// allowPorts tells the service of all ports that the CRM listens on by now.
func (r *rig) allowPorts() {
	r.environ = slices.DeleteFunc(r.environ, func(entry string) bool {
		return strings.HasPrefix(entry, "LEADHOOK_HTTP_ALLOW_PORTS=")
	})
	r.environ = append(r.environ, "LEADHOOK_HTTP_ALLOW_PORTS="+strings.Join(r.crm.ports, ","))
}

// createTopics returns when the partitions have leaders.
func (r *rig) createTopics() {
	r.t.Helper()
	r.must("", "topics", "create")
	r.until(30*time.Second, "the topics are there", func() bool {
		for _, topic := range r.topics() {
			if len(r.ends(topic)) != r.partitionsOf(topic) {
				return false
			}
		}
		return true
	})
}

// fails notes that the case went otherwise than it must. The test goes on, so
// that its row of the table is complete.
func (r *rig) fails(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
}

// errGaveUp ends the case of a service that was broken on purpose.
var errGaveUp = errors.New("gave up")

// news is what the case found since the last row.
func (r *rig) news() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := slices.Clone(r.wrong[r.shown:])
	r.shown = len(r.wrong)
	return found
}

// giveUp ends the case, which cannot go on.
func (r *rig) giveUp(format string, args ...any) {
	r.t.Helper()
	if r.tags != "" {
		r.fails(format, args...)
		panic(errGaveUp)
	}
	r.t.Fatalf(format, args...)
}

// report makes what the case found the test's outcome: a fault, unless the
// service was broken on purpose.
func (r *rig) report() {
	if r.tags != "" {
		return
	}
	for _, text := range r.wrong {
		r.t.Error(text)
	}
}

// note remembers a fault.
func (r *rig) note(f fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, f)
}

func (r *rig) knownFaults() []fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.faults)
}

// until polls until ok.
func (r *rig) until(within time.Duration, what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(within); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.giveUp("not within %v: %s", within, what)
		}
	}
}

// A hook is a webhook as a seed file has it.
type hook struct {
	ID         string   `json:"id"`
	Advertiser string   `json:"advertiser"`
	URL        string   `json:"url"`
	Event      string   `json:"event"`
	LeadTypes  []string `json:"lead_types"`
	Active     bool     `json:"active"`
	Auth       string   `json:"authorization,omitempty"`
	Rate       float64  `json:"rate,omitempty"`

	broken bool // its URL is to be corrected later
}

func (h *hook) path() string { return "/" + h.ID }

// hook is an active webhook of an advertiser of its own, whose URL's path is
// its id.
func (r *rig) hook(name string) *hook {
	id := name + "-" + r.unique
	return &hook{
		ID: id, Advertiser: id, URL: r.crm.url() + "/" + id, Event: "new_contact",
		LeadTypes: []string{"calls", "chats", "forms"}, Active: true,
	}
}

// many seeds so many webhooks and returns them.
func (r *rig) many(name string, n int) []*hook {
	r.t.Helper()
	var hooks []*hook
	for i := range n {
		hooks = append(hooks, r.hook(name+strconv.Itoa(i+1)))
	}
	r.seed(hooks...)
	return hooks
}

// seed seeds webhooks beside those that there are.
func (r *rig) seed(hooks ...*hook) {
	r.t.Helper()
	for _, h := range hooks {
		r.hooks[h.ID] = h
	}
	file, err := json.Marshal(map[string][]*hook{"webhooks": hooks})
	if err != nil {
		r.t.Fatal(err)
	}
	r.must(string(file), "seed", "-")
}
