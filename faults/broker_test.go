//go:build faults

package faults

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

func TestFullKafkaKilledAndRestarted(t *testing.T) {
	r := newRig(t, setup{})
	hooks := r.many("crm", advertisers)
	r.crm.usually(usualCRM)
	r.runs(2)
	published := r.publishing(manyLeads(), flow, hooks...)
	kills := either(3, 1)
	for range kills {
		r.flows()
		time.Sleep(r.moment(2 * time.Second))
		servers.kafka.Kill()
		r.restartKafka()
	}
	end := time.Now()
	published()
	r.tolerates(45*time.Second, nil) // a broker that was killed looks through its logs first
	r.row(fmt.Sprintf("Kafka: SIGKILL of the broker and restart, %d times", kills), r.once(3*time.Minute), end, "")
}

func (r *rig) restartKafka() {
	r.t.Helper()
	if err := servers.kafka.Restart(context.WithoutCancel(r.t.Context())); err != nil {
		r.t.Fatal(err)
	}
}

func TestFullKafkaAwayForAMinute(t *testing.T) {
	r := newRig(t, setup{})
	hooks := r.many("crm", advertisers)
	r.crm.usually(usualCRM)
	instances := r.runs(2)
	published := r.publishing(manyLeads(), flow, hooks...)
	r.flows()
	servers.kafka.Kill()
	away := either(time.Minute, 10*time.Second)
	time.Sleep(away)
	if status := instances[0].readyz(); status != http.StatusServiceUnavailable {
		r.fails("ready (%d) although the broker is away", status)
	}
	r.restartKafka()
	end := time.Now()
	published()
	r.tolerates(45*time.Second, nil)
	r.row(fmt.Sprintf("Kafka: the broker away for %v", away), r.once(3*time.Minute), end, "")
}

func TestFullKafkaSlow(t *testing.T) {
	r := newRig(t, setup{slowKafka: true})
	hooks := r.many("crm", advertisers)
	instances := r.runs(2)
	published := r.publishing(manyLeads(), flow, hooks...)
	r.flows()
	if err := servers.kafkaLine.slow(300*time.Millisecond, 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := servers.kafkaLine.narrow(1000); err != nil {
		t.Fatal(err)
	}
	time.Sleep(either(20*time.Second, 5*time.Second))
	if err := servers.kafkaLine.heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	end := time.Now()
	published()
	a := r.once(2 * time.Minute)
	for _, i := range instances {
		i.stop()
	}
	r.row("Kafka: slow (answers after 0.1 to 0.5 s, 1 MB/s a connection)", a, end, "")
}

func TestFullKafkaLineReset(t *testing.T) {
	r := newRig(t, setup{slowKafka: true})
	hooks := r.many("crm", advertisers)
	r.runs(2)
	published := r.publishing(manyLeads(), flow, hooks...)
	for range either(5, 2) {
		r.flows()
		if err := servers.kafkaLine.reset(0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(r.moment(2 * time.Second))
		if err := servers.kafkaLine.heal(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	end := time.Now()
	published()
	r.row("Kafka: all connections reset, again and again", r.once(2*time.Minute), end, "")
}

// TestFullKafkaDeadLetterTopicMissing deletes the topic in the middle: what would be a
// dead letter waits, and the service says why.
func TestFullKafkaDeadLetterTopicMissing(t *testing.T) {
	r := newRig(t, setup{})
	refused := r.many("refuses", 10)
	for _, h := range refused {
		r.crm.behave(h.path(), status(http.StatusBadRequest))
	}
	i := r.runs(1)[0]
	r.deleteTopics(r.deadLetters())
	r.publish(1000, 0, refused...)
	r.notReady(i)
	r.createTopics()
	end := time.Now()
	i.ready()
	a := r.settled(2 * time.Minute)
	if a.dead != a.wanted {
		r.fails("want all of them dead letters, got %v", a)
	}
	r.row("Kafka: the dead-letter topic is missing, and made again", a, time.Time{},
		fmt.Sprintf("all became dead letters %.1f s later", time.Since(end).Seconds()))
}

func TestFullKafkaDeadLetterTopicRefusesTheSize(t *testing.T) {
	r := newRig(t, setup{})
	refused := r.many("refuses", 10)
	for _, h := range refused {
		r.crm.behave(h.path(), status(http.StatusBadRequest))
	}
	i := r.runs(1)[0]
	r.largest(r.deadLetters(), 500)
	r.publish(1000, 0, refused...)
	r.notReady(i)
	r.largest(r.deadLetters(), 2<<20)
	end := time.Now()
	i.ready()
	a := r.settled(2 * time.Minute)
	if a.dead != a.wanted {
		r.fails("want all of them dead letters, got %v", a)
	}
	r.row("Kafka: the dead-letter topic refuses the size, and takes it later", a, time.Time{},
		fmt.Sprintf("all became dead letters %.1f s later", time.Since(end).Seconds()))
}

// TestKafkaLiveTopicMadeAgain deletes the topic when all in it is delivered:
// the committed offsets are beyond the end of the new one.
func TestKafkaLiveTopicMadeAgain(t *testing.T) {
	r := newRig(t, setup{})
	hooks := r.many("crm", advertisers)
	r.runs(2)
	r.publish(1000, 0, hooks...)
	r.once(time.Minute)
	r.deleteTopics(r.topic)
	r.createTopics()
	r.forget()
	end := time.Now()
	r.publish(500, 0, hooks...)
	r.until(2*time.Minute, "the leads of the new topic are delivered", func() bool { return r.crm.deliveries() >= 500 })
	r.publish(500, flow, hooks...)
	r.row("Kafka: the live topic is deleted and made again", r.once(time.Minute), end, "")
}

// forget has the checker begin anew, after the live topic has gone with all
// its leads.
func (r *rig) forget() {
	r.gone = int(r.leads.Load())
	r.crm.forget()
}

func (r *rig) notReady(i *instance) {
	r.t.Helper()
	r.until(time.Minute, "an instance is not ready", func() bool { return i.readyz() == http.StatusServiceUnavailable })
}

func (r *rig) deleteTopics(names ...string) {
	r.t.Helper()
	if _, err := r.kafka.DeleteTopics(r.t.Context(), &kafka.DeleteTopicsRequest{Topics: names}); err != nil {
		r.t.Fatal(err)
	}
	r.until(time.Minute, "the topic is gone", func() bool { return len(r.ends(names[0])) == 0 })
}

// largest sets the largest record that a topic takes.
func (r *rig) largest(topic string, bytes int) {
	r.t.Helper()
	r.configure(topic, "max.message.bytes", strconv.Itoa(bytes))
}

// configure sets something of a topic.
func (r *rig) configure(topic, name, value string) {
	r.t.Helper()
	res, err := r.kafka.IncrementalAlterConfigs(r.t.Context(), &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: name, Value: value, ConfigOperation: kafka.ConfigOperationSet}},
		}},
	})
	if err == nil {
		for _, one := range res.Resources {
			err = one.Error
		}
	}
	if err != nil {
		r.t.Fatal(err)
	}
}
