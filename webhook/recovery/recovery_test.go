package recovery_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"
	"go.uber.org/zap/zaptest"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/edit"
	"github.com/leadhook/leadhook/webhook/follow"
	"github.com/leadhook/leadhook/webhook/recovery"
	"github.com/leadhook/leadhook/webhook/seal"
	"github.com/leadhook/leadhook/webhook/shares"
	"github.com/leadhook/leadhook/webhook/topic"
)

// A rig is a Kafka, a Redis, and a cache of webhooks that is running on them.
type rig struct {
	*testing.T
	kafka  *kafkatest.Rig
	name   string // of the topic
	redis  *miniredis.Miniredis
	log    *follow.Log
	cache  *webhook.Cache
	editor *edit.Editor
}

func newRig(t *testing.T) *rig {
	r := &rig{T: t, kafka: kafkatest.New(t)}
	r.name = r.kafka.Topic(t, 1, "cleanup.policy=compact")
	r.redis = miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: r.redis.Addr(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	keys := seal.New([]seal.Key{seal.NewKey()}, false)
	r.log = &follow.Log{Topic: topic.New(r.kafka.Client, r.name), Shares: shares.New(rdb, "leadhook"), Boxes: keys}
	t.Cleanup(func() { _ = r.log.Topic.Close() })
	r.editor = &edit.Editor{Log: r.log, By: "someone", With: "a test"}
	r.cache = webhook.NewCache(r.log, webhook.Options{}, prometheus.NewRegistry(), zaptest.NewLogger(t))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { r.cache.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return r
}

func (r *rig) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	r.Cleanup(cancel)
	return ctx
}

// seed gives an advertiser a webhook.
func (r *rig) seed(advertiser, id string) error {
	_, err := r.editor.Seed(r.within(30*time.Second), []lead.Webhook{{
		ID: id, Advertiser: advertiser, URL: "https://crm.example.com/" + id, Authorization: "token",
		Trigger: lead.NewContact, LeadTypes: lead.AllLeadTypes, Format: lead.JSON, Active: true,
	}}, edit.SeedOptions{})
	if err != nil {
		return err
	}
	epoch, err := r.log.Epoch(r.within(time.Second))
	if err != nil {
		return err
	}
	return r.log.Filled(r.within(10*time.Second), epoch) // a recovery ends if Redis is filled meanwhile
}

// has fails the test unless an advertiser has as many webhooks.
func (r *rig) has(advertiser string, want int) {
	r.Helper()
	hooks, err := r.cache.For(r.within(30*time.Second), advertiser, time.Now())
	if err != nil || len(hooks) != want {
		r.Errorf("%s has %d webhooks, want %d: %v", advertiser, len(hooks), want, err)
	}
}

// anew deletes the topic and creates it again.
func (r *rig) anew(ctx context.Context) error {
	gone, err := r.kafka.Client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{r.name}})
	if err == nil {
		err = gone.Errors[r.name]
	}
	if err != nil && !errors.Is(err, kafka.UnknownTopicOrPartition) {
		return err
	}
	made, err := r.kafka.Client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: r.name, NumPartitions: 1, ReplicationFactor: 1,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "cleanup.policy", ConfigValue: "compact"}},
	}}})
	if err == nil {
		err = made.Errors[r.name]
	}
	return err
}

func (r *rig) recovery() *recovery.Recovery {
	return &recovery.Recovery{
		Log: r.log, File: filepath.Join(r.TempDir(), "webhooks"), Of: "a/service", Anew: r.anew, Confirm: func(int) error { return nil },
	}
}

func TestATopicThatWasMadeAnewIsRecoveredFromRedis(t *testing.T) {
	r := newRig(t)
	for _, id := range []string{"a1", "a2", "a3"} {
		if err := r.seed("A", id); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.seed("B", "b1"); err != nil {
		t.Fatal(err)
	}
	r.has("A", 3)
	again := r.recovery()
	if err := again.Run(r.within(30 * time.Second)); !errors.Is(err, recovery.ErrWhole) {
		t.Errorf("recovering what is whole: %v", err)
	}

	if err := r.anew(r.within(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if hooks, err := r.cache.For(r.within(3*time.Second), "A", time.Now()); err == nil {
		t.Errorf("a lead was answered with %d webhooks though the topic is empty", len(hooks))
	}
	if err := r.cache.Ready(); !errors.Is(err, follow.ErrWentBack) {
		t.Errorf("ready says %v", err)
	}
	if err := r.seed("C", "c1"); !errors.Is(err, follow.ErrWentBack) {
		t.Errorf("seeding into the empty topic: %v", err)
	}

	if err := again.Run(r.within(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r.has("A", 3)
	r.has("B", 1)
	r.has("C", 0)
	if err := r.seed("C", "a1"); err == nil {
		t.Error("the id a1 was given to another advertiser")
	}
	if err := r.seed("C", "c1"); err != nil {
		t.Error(err)
	}
	r.has("C", 1)
	if epochs, err := r.log.Shares.Epochs(r.within(time.Second)); err != nil || len(epochs) != 1 {
		t.Errorf("Redis has the epochs %q, %v", epochs, err)
	}
}

// An operator's shell may lack the key that the services have.
func TestNothingIsRecoveredWithoutTheKey(t *testing.T) {
	r := newRig(t)
	if err := r.seed("A", "a1"); err != nil {
		t.Fatal(err)
	}
	r.has("A", 1)
	again := r.recovery()
	again.Force = true
	whole := again.Log.Boxes
	for name, keys := range map[string]*seal.Keys{"another key": seal.New([]seal.Key{seal.NewKey()}, false), "no key": seal.New(nil, false)} {
		again.Log = &follow.Log{Topic: r.log.Topic, Shares: r.log.Shares, Boxes: keys}
		if err := again.Run(r.within(30 * time.Second)); !errors.Is(err, recovery.ErrUnreadable) {
			t.Fatalf("recovering with %s: %v", name, err)
		}
	}
	r.has("A", 1)
	again.Log = &follow.Log{Topic: r.log.Topic, Shares: r.log.Shares, Boxes: whole}
	if err := again.Run(r.within(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if hooks, err := r.cache.For(r.within(30*time.Second), "A", time.Now()); err != nil || len(hooks) != 1 || hooks[0].Damaged != "" {
		t.Errorf("A has %+v, %v, want one that can be used", hooks, err)
	}

	again.Log, again.LoseUnreadable = &follow.Log{Topic: r.log.Topic, Shares: r.log.Shares, Boxes: seal.New(nil, false)}, true
	if err := again.Run(r.within(30 * time.Second)); err != nil {
		t.Error(err)
	}
}

// Something deletes what is old from the topic, and Redis is empty.
func TestATopicThatLostItsFirstRecordIsRecoveredFromWhatItHas(t *testing.T) {
	r := newRig(t)
	if err := r.seed("A", "a1"); err != nil {
		t.Fatal(err)
	}
	r.has("A", 1)
	var left []topic.Record
	for record, err := range r.log.Records(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, *record)
	}
	if err := r.anew(r.within(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r.redis.FlushAll()
	if err := r.log.Topic.Append(r.within(10*time.Second), left); err != nil {
		t.Fatal(err)
	}
	kafkatest.WaitFor(t, func() bool { return errors.Is(r.cache.Ready(), follow.ErrWentBack) })
	if err := r.recovery().Run(r.within(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r.has("A", 1)
}

func TestWhereNothingIsLeftLeadsWaitUntilSomebodySeeds(t *testing.T) {
	r := newRig(t)
	if err := r.seed("A", "a1"); err != nil {
		t.Fatal(err)
	}
	r.has("A", 1)
	if err := r.anew(r.within(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r.redis.FlushAll()
	if err := r.recovery().Run(r.within(30 * time.Second)); !errors.Is(err, recovery.ErrNothing) {
		t.Fatalf("recovering what is nowhere: %v", err)
	}
	if hooks, err := r.cache.For(r.within(time.Second), "A", time.Now()); err == nil {
		t.Errorf("a lead was answered with %d webhooks", len(hooks))
	}
	if err := r.seed("A", "a2"); err != nil {
		t.Fatal(err)
	}
	r.has("A", 1)
}

// TestADamagedFileEndsTheRecovery has a file of an earlier try that is all that is left of
// the webhooks: a part of it must not be taken for the whole.
func TestADamagedFileEndsTheRecovery(t *testing.T) {
	r := newRig(t)
	again := r.recovery()
	for _, rest := range []string{"}", "]", "x", `{"key":"B"`} {
		contents := `{"key":"A","value":"AA=="}` + "\n" + rest
		if err := os.WriteFile(again.File, []byte(contents), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := again.Run(r.within(30 * time.Second)); err == nil || !strings.Contains(err.Error(), again.File) {
			t.Errorf("a file that ends with %s: error %v, want one that names it", rest, err)
		}
		if got, err := os.ReadFile(again.File); err != nil || string(got) != contents {
			t.Errorf("after that it has %q, %v", got, err)
		}
	}
}
