package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/devstack"
	"github.com/leadhook/leadhook/internal/realstack"
)

// The lines that the service has for each change of Redis's state.
const (
	redisLost = `"msg":"cannot read webhooks from Redis`
	redisBack = `"msg":"reading webhooks from Redis`
)

func TestRedisIsAwayAndEmptyAtTheStart(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	r := newRig(t, setup{redis: server.url})
	advertiser := r.name("USA_1")
	const leads = 20
	r.publish(calls(advertiser, 1, leads)...)
	server.kill()
	i := r.spawn() // what libraries write to standard error themselves shows in a process alone
	i.notReady("Redis")

	server.empty()
	i.notReady("leadhook seed")
	r.until("it reads", func() bool { return generations(t, i) > 0 })
	if lag := r.lag(); lag != leads {
		t.Errorf("with an empty Redis %d of %d leads are not committed, want all", lag, leads)
	}
	r.seed(r.hook("all", advertiser))
	i.ready()
	r.exactly(leads)
	if lost, back := i.log.lines(redisLost), i.log.lines(redisBack); lost > 2 || lost < 1 || back != 1 {
		t.Errorf("got %d lines that Redis is away or empty and %d that it is back, want one or two and one:\n%s", lost, back, i.tail())
	}
	i.stop()
}

// TestRedisGoesAndComesBackEmpty serves cached advertisers from the cache, has
// the others wait, and takes nothing for nobody's.
func TestRedisGoesAndComesBackEmpty(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	r := newRig(t, setup{redis: server.url})
	cached, unknown, none := r.name("USA_1"), r.name("USA_2"), r.name("USA_3")
	hooks := []hook{r.hook("cached", cached), r.hook("unknown", unknown)}
	r.seed(hooks...)
	i := r.spawn().ready()
	r.publish(append(calls(cached, 1, 1), calls(none, 1, 1)...)...)
	r.exactly(1)

	server.kill()
	i.notReady("Redis")
	r.publish(append(calls(cached, 2, 10), calls(unknown, 2, 10)...)...)
	r.until("the cached advertiser is served", func() bool { return r.taken() == 11 })

	server.empty()
	i.notReady("leadhook seed")
	r.publish(append(calls(cached, 12, 10), calls(unknown, 12, 10)...)...)
	r.until("the cached advertiser is still served", func() bool { return r.taken() == 21 })
	if a := r.account(); a.lost != 20 || a.lag < 20 {
		t.Errorf("with Redis empty: got %v, want the 20 leads of the other advertiser waiting, not committed", a)
	}
	r.seed(hooks...)
	i.ready()
	r.exactly(41)
	if lost, back := i.log.lines(redisLost), i.log.lines(redisBack); lost != 2 || back != 2 {
		t.Errorf("got %d lines that Redis is away or empty and %d that it can be read, want 2 and 2:\n%s", lost, back, i.tail())
	}
	i.stop()
}

// TestKafkaIsAwayAtTheStart has a broker of its own, embedded always: a real
// one goes away in the tests of crashes.
func TestKafkaIsAwayAtTheStart(t *testing.T) {
	t.Parallel()
	addr := realstack.FreeAddr(t)
	r := newRig(t, setup{kafka: addr, noTopics: true})
	advertiser := r.name("USA_1")
	r.seed(r.hook("all", advertiser))
	i := r.run()
	i.notReady(addr)
	broker, err := devstack.StartKafka(devstack.KafkaOptions{Listen: addr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	i.notReady("topics create")
	r.createTopics()
	i.ready()
	r.publish(calls(advertiser, 1, 10)...)
	r.exactly(10)
	i.stop() // before its broker goes
	if n := i.log.lines("cannot start reading yet"); n > 4 {
		t.Errorf("got %d lines about the start, want one for each cause:\n%s", n, i.tail())
	}
}

func TestTopicsAreMissingAtTheStart(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{noTopics: true})
	advertiser := r.name("USA_1")
	r.seed(r.hook("all", advertiser))
	i := r.run()
	i.notReady(r.topic)
	i.notReady("leadhook topics create")
	r.createTopics()
	i.ready()
	r.publish(calls(advertiser, 1, 10)...)
	r.exactly(10)
}

// announcedOnly has a service keep what it has read from Redis for longer than any
// test waits: a change counts because it was announced, or not at all.
var announcedOnly = []string{"LEADHOOK_REDIS_CACHE_TTL=1h"}

// TestAChangeCountsAtOnce lets leads flow while a webhook gets another URL, and
// while it is made inactive.
func TestAChangeCountsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{environ: announcedOnly})
	advertiser := r.name("USA_1")
	h := r.hook("moves", advertiser)
	r.seed(h)
	i := r.run().ready()
	id := 0
	publish := func() {
		id++
		r.put(kafka.Message{Key: []byte(advertiser), Value: []byte(event(advertiser, "new_contact", "call", id))})
	}
	at := func(path string) (n int) {
		for d := range r.crm.Counts() {
			if d.Path == path {
				n++
			}
		}
		return n
	}
	shows := func(what string, ok func() bool) {
		t.Helper()
		r.until(what, func() bool { publish(); return ok() })
	}
	path := "/" + h.ID
	shows("the first lead", func() bool { return at(path) > 0 })

	h.URL += "/moved"
	r.seed(h)
	shows("the move", func() bool { return at(path+"/moved") > 0 })
	r.until("all is settled", func() bool { return r.lag() == 0 })
	before := at(path)
	for range 10 {
		publish()
	}
	r.until("all is settled", func() bool { return r.lag() == 0 })
	if got := at(path) - before; got != 0 {
		t.Errorf("%d leads went to the old URL after one went to the new one", got)
	}

	h.Active = false
	r.seed(h)
	shows("being inactive", func() bool { return i.metric(`leadhook_deliveries_total{format="json",outcome="inactive"}`) > 0 })
	r.until("all is settled", func() bool { return r.lag() == 0 })
	before = at(path + "/moved")
	for range 10 {
		publish()
	}
	r.until("all is settled", func() bool { return r.lag() == 0 })
	if got := at(path+"/moved") - before; got != 0 {
		t.Errorf("%d leads were sent after one was held back", got)
	}
	if letters := r.letters(); len(letters) != 0 {
		t.Errorf("got %d dead letters, want none", len(letters))
	}
}

// metric is the value of one metric, 0 if it is not there.
func (i *instance) metric(name string) float64 {
	i.t.Helper()
	_, text := get(i.t, "http://"+i.admin()+"/metrics")
	var value float64
	for line := range linesWith(text, name+" ") {
		_, _ = fmt.Sscan(line[len(name)+1:], &value)
	}
	return value
}

// TestABrokerThatIsOffDoesNotHideTheOthers has a first broker that does not
// even refuse connections. The client takes the brokers in an order of chance.
func TestABrokerThatIsOffDoesNotHideTheOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	r.environ = append(r.environ, "LEADHOOK_KAFKA_BROKERS="+unanswered(t)+","+r.kafka)
	for range 6 {
		r.must("", "topics", "check")
	}
}

// unanswered is an address where connecting takes until the caller gives up:
// its queue of connections is full, and nobody accepts them.
func unanswered(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 200 { // some systems let 128 queue at least
		conn, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Fatal("this system takes every connection: nothing here can stand for a broker that is off")
	return ""
}
