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
	"github.com/leadhook/leadhook/topics"
)

// The lines that the service has for each change of what it can read.
const (
	webhooksLost = `"msg":"cannot read all webhooks`
	webhooksBack = `"msg":"reading webhooks again`
)

func TestNothingWasEverSeeded(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	advertiser := r.name("USA_1")
	const leads = 20
	r.publish(calls(advertiser, 1, leads)...)
	i := r.spawn()
	i.notReady("leadhook seed")
	r.until("it reads", func() bool { return generations(t, i) > 0 })
	if lag := r.lag(); lag != leads {
		t.Errorf("before a seed %d of %d leads are not committed, want all", lag, leads)
	}
	r.seed(r.hook("all", advertiser))
	i.ready()
	r.exactly(leads)
	i.stop()
}

// TestRedisIsAwayAtTheStart seeds while it is, and has it come back empty.
func TestRedisIsAwayAtTheStart(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	r := newRig(t, setup{redis: server.url})
	first, second := r.name("USA_1"), r.name("USA_2")
	r.seed(r.hook("first", first))
	r.publish(append(calls(first, 1, 10), calls(second, 1, 10)...)...)
	server.kill()
	i := r.spawn() // what libraries write to standard error themselves shows in a process alone
	i.notReady("Redis")
	got := r.leadhook(`{"webhooks":[{"id":"`+r.name("second")+`","advertiser":"`+second+`","event":"new_contact","url":"http://`+r.crmAddr+`/`+r.name("second")+`"}]}`, "seed", "-")
	if got.code != exitDone || !containsAll(got.out, "1 added") || !containsAll(got.errs, "warning: cannot talk to Redis at ", "redis.url", "read from Kafka") {
		t.Errorf("a seed without Redis: got exit code %d, want 0 and a warning:\n%s%s", got.code, got.out, got.errs)
	}
	r.seed(r.hook("second", second))
	server.empty()
	i.ready()
	r.exactly(20)
	i.stop()
}

// TestRedisGoesAndComesBackEmpty serves cached advertisers from the cache, has the others
// wait, takes nothing for nobody's, and needs nobody to seed again.
func TestRedisGoesAndComesBackEmpty(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	r := newRig(t, setup{redis: server.url})
	cached, unknown, none := r.name("USA_1"), r.name("USA_2"), r.name("USA_3")
	r.seed(r.hook("cached", cached), r.hook("unknown", unknown))
	i := r.spawn().ready()
	r.publish(append(calls(cached, 1, 1), calls(none, 1, 1)...)...)
	r.exactly(1)

	server.kill()
	i.notReady("Redis")
	r.publish(append(calls(cached, 2, 10), calls(unknown, 2, 10)...)...)
	r.until("the cached advertiser is served", func() bool { return r.taken() == 11 })
	r.until("the service has logged it", func() bool { return i.log.lines(webhooksLost) > 0 })
	if a := r.account(); a.lost != 10 || a.lag < 10 {
		t.Errorf("with Redis away: got %v, want the ten leads of the other advertiser waiting, not committed", a)
	}
	server.empty()
	i.ready()
	r.publish(append(calls(cached, 12, 10), calls(unknown, 12, 10)...)...)
	r.exactly(41)
	r.until("the service has logged the end", func() bool { return i.log.lines(webhooksBack) > 0 })
	if lost, back := i.log.lines(webhooksLost), i.log.lines(webhooksBack); lost != 1 || back != 1 {
		t.Errorf("got %d lines that webhooks cannot be read and %d that they can, want one and one:\n%s", lost, back, i.tail())
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
	i := r.run()
	i.notReady(addr)
	broker, err := devstack.StartKafka(devstack.KafkaOptions{Listen: addr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	i.notReady("topics create")
	r.createTopics()
	i.notReady("leadhook seed")
	r.seed(r.hook("all", advertiser))
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
	got := r.leadhook(`{"webhooks":[]}`, "seed", "-")
	if got.code != exitFailed || !containsAll(got.errs, topics.WebhooksName(r.topic), "leadhook topics create") {
		t.Errorf("a seed without the topic: got exit code %d, want 1 and what creates it:\n%s%s", got.code, got.out, got.errs)
	}
	i := r.run()
	i.notReady(r.topic)
	i.notReady(topics.WebhooksName(r.topic) + "; `leadhook topics create`")
	r.createTopics()
	r.seed(r.hook("all", advertiser))
	i.ready()
	r.publish(calls(advertiser, 1, 10)...)
	r.exactly(10)
}

// TestAChangeCountsAtOnce has a webhook get another URL, and be made inactive: once the
// command has ended, no lead that is published then goes where it went before.
func TestAChangeCountsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	advertiser := r.name("USA_1")
	h := r.hook("moves", advertiser)
	r.seed(h)
	i := r.run().ready()
	id := 0
	publish := func() {
		t.Helper()
		for range 10 {
			id++
			r.put(kafka.Message{Key: []byte(advertiser), Value: []byte(event(advertiser, "new_contact", "call", id))})
		}
		r.until("all is settled", func() bool { return r.lag() == 0 })
	}
	at := func(path string) (n int) {
		for d := range r.crm.Counts() {
			if d.Path == path {
				n++
			}
		}
		return n
	}
	publish()
	path := "/" + h.ID
	for n := range 5 {
		before := at(path)
		moved := fmt.Sprint("/", h.ID, "/moved-", n)
		h.URL = "http://" + r.crmAddr + moved
		r.seed(h)
		publish()
		if was, is := at(path)-before, at(moved); was != 0 || is != 10 {
			t.Errorf("after move %d, %d leads went to the old URL and %d to the new one, want 0 and 10", n, was, is)
		}
		path = moved
	}
	h.Active = false
	r.seed(h)
	publish()
	if got := at(path); got != 10 {
		t.Errorf("%d leads were sent to a webhook that was inactive", got-10)
	}
	if n := i.metric(`leadhook_deliveries_total{format="json",outcome="inactive"}`); n != 10 {
		t.Errorf("%v leads were held back, want 10", n)
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
