//go:build real

package realstack_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
	"go.uber.org/goleak"

	"github.com/leadhook/leadhook/internal/realstack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// closing ends a server with the test, and fails it if something is left.
func closing[S interface{ Close() error }](t *testing.T, s S, err error) S {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func roots(t *testing.T, file string) *tls.Config {
	t.Helper()
	ca, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatalf("no certificate in %s", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

func mechanism(t *testing.T, l realstack.Login) sasl.Mechanism {
	t.Helper()
	if l == realstack.Plain || l.Mechanism == realstack.Plain.Mechanism {
		return plain.Mechanism{Username: l.Username, Password: l.Password}
	}
	algorithm := scram.SHA256
	if l.Mechanism == realstack.Scram512.Mechanism {
		algorithm = scram.SHA512
	}
	m, err := scram.Mechanism(algorithm, l.Username, l.Password)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newClient(t *testing.T, addr string, transport *kafka.Transport) *kafka.Client {
	t.Cleanup(transport.CloseIdleConnections)
	return &kafka.Client{Addr: kafka.TCP(addr), Transport: transport, Timeout: 10 * time.Second}
}

func TestKafkaKeepsItsRecordsOverAKill(t *testing.T) {
	started, err := realstack.StartKafka(t.Context(), realstack.KafkaOptions{Config: map[string]string{"message.max.bytes": "2000000"}})
	k := closing(t, started, err)
	client := newClient(t, k.Addr(), &kafka.Transport{})
	created, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: "leads", NumPartitions: 1, ReplicationFactor: 1}}})
	if err := errors.Join(err, created.Errors["leads"]); err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("x", 1500000) // more than the default lets in
	resp, err := client.Produce(t.Context(), &kafka.ProduceRequest{Topic: "leads", RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes([]byte(large))})})
	if err := errors.Join(err, resp.Error); err != nil {
		t.Fatal(err)
	}

	k.Kill()
	if conn, err := net.Dial("tcp", k.Addr()); err == nil {
		_ = conn.Close()
		t.Error("somebody answers at a killed Kafka's address")
	}
	if err := k.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{k.Addr()}, Topic: "leads", MaxBytes: 10 << 20,
		MaxWait: 100 * time.Millisecond})
	defer r.Close()
	m, err := r.ReadMessage(t.Context())
	if err != nil || string(m.Value) != large {
		t.Errorf("after a restart there is a record of %d bytes (%v), want %d", len(m.Value), err, len(large))
	}
}

func TestKafkaClusterOutlivesABroker(t *testing.T) {
	started, err := realstack.StartKafkaCluster(t.Context(), realstack.KafkaClusterOptions{})
	c := closing(t, started, err)
	client := newClient(t, c.Addrs()[1], &kafka.Transport{}) // it stays
	created, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: "leads", NumPartitions: 2, ReplicationFactor: -1}}})
	if err := errors.Join(err, created.Errors["leads"]); err != nil {
		t.Fatal(err)
	}
	first, second := c.Nodes()[0], c.Nodes()[1]
	if err := errors.Join(c.Place(t.Context(), "leads", 0, first), c.Place(t.Context(), "leads", 1, first, second)); err != nil {
		t.Fatal(err)
	}
	if leader, err := c.Leader(t.Context(), "leads", 1); leader != first {
		t.Fatalf("leads/1 is led by %v (%v), want the broker that it was placed on first", leader, err)
	}
	first.Stop()
	leads := func(partition int, want *realstack.Kafka) func() bool {
		return func() bool { leader, _ := c.Leader(t.Context(), "leads", partition); return leader == want }
	}
	eventually(t, "the second broker leads leads/1", leads(1, second))
	eventually(t, "nobody leads leads/0", leads(0, nil))
	eventually(t, "somebody coordinates", func() bool { who, _ := c.Coordinator(t.Context(), "g"); return who != nil && who != first })
	if err := first.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first broker leads both again", func() bool { return leads(0, first)() && leads(1, first)() })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

func TestKafkaLetsInWhoLogsIn(t *testing.T) {
	started, err := realstack.StartKafka(t.Context(), realstack.KafkaOptions{SASLSSL: true})
	k := closing(t, started, err)
	config := roots(t, k.CAFile())
	for _, login := range []realstack.Login{realstack.Plain, realstack.Scram256, realstack.Scram512} {
		client := newClient(t, k.SecureAddr(), &kafka.Transport{TLS: config, SASL: mechanism(t, login)})
		if meta, err := client.Metadata(t.Context(), &kafka.MetadataRequest{}); err != nil || len(meta.Brokers) != 1 {
			t.Errorf("%s: metadata is %v (%v), want one broker", login.Mechanism, meta, err)
		}
		login.Password = "wrong"
		refused := newClient(t, k.SecureAddr(), &kafka.Transport{TLS: config, SASL: mechanism(t, login)})
		if _, err := refused.Metadata(t.Context(), &kafka.MetadataRequest{}); err == nil {
			t.Errorf("%s: a wrong password is let in", login.Mechanism)
		}
	}
}

func newRedis(t *testing.T, r *realstack.Redis) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL(r.URL())
	if err != nil {
		t.Fatal(err)
	}
	if opts.TLSConfig != nil {
		opts.TLSConfig = roots(t, r.CAFile())
	}
	client := redis.NewClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestRedisComesBackAsItsArgumentsSay(t *testing.T) {
	tests := map[string]struct {
		opts realstack.RedisOptions
		keys int64
	}{
		"empty":    {realstack.RedisOptions{}, 0},
		"with TLS": {realstack.RedisOptions{TLS: true, Password: "p@ss:word"}, 0},
		"kept":     {realstack.RedisOptions{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}}, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			started, err := realstack.StartRedis(t.Context(), tt.opts)
			r := closing(t, started, err)
			if err := newRedis(t, r).Set(t.Context(), "k", "v", 0).Err(); err != nil {
				t.Fatal(err)
			}
			if err := r.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n, err := newRedis(t, r).DBSize(t.Context()).Result(); err != nil || n != tt.keys {
				t.Errorf("after a restart it has %d keys (%v), want %d", n, err, tt.keys)
			}
		})
	}
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	_, err := realstack.StartRedis(t.Context(), realstack.RedisOptions{Args: []string{"--nonsense", "1"}})
	if err == nil || !strings.Contains(err.Error(), "it ended") || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("error is %v, want the server's own words", err)
	}
}

func TestAnEndedContextEndsTheStart(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("no more time"))
	_, err := realstack.StartRedis(ctx, realstack.RedisOptions{})
	if err == nil || !strings.Contains(err.Error(), "no more time") {
		t.Errorf("error is %v, want the context's cause", err)
	}
}

func TestSentinelsFailOver(t *testing.T) {
	started, err := realstack.StartSentinel(t.Context())
	s := closing(t, started, err)
	client := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: s.Master(), SentinelAddrs: s.Addrs()})
	defer client.Close()
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.Primary().Kill()
	deadline := time.Now().Add(30 * time.Second)
	for client.Set(t.Context(), "k", "w", 0).Err() != nil {
		if time.Now().After(deadline) {
			t.Fatalf("no primary 30 s after the first one was killed; its replica says:\n%s", s.Replica().Log())
		}
		time.Sleep(50 * time.Millisecond)
	}
	if got, err := newRedis(t, s.Replica()).Get(t.Context(), "k").Result(); err != nil || got != "w" {
		t.Errorf("the replica has %q (%v), want what was written after the failover", got, err)
	}
	eventually(t, "the replica is the primary", func() bool { return s.Current(t.Context()) == s.Replica() })
	if err := s.Revive(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.FailOver(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first primary is it again", func() bool { return s.Current(t.Context()) == s.Primary() })
}

func TestClusterSpreadsItsKeys(t *testing.T) {
	started, err := realstack.StartCluster(t.Context())
	c := closing(t, started, err)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs()})
	defer client.Close()
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
		if err := client.Set(t.Context(), key, "v", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	var sizes []int64
	for _, node := range c.Nodes() {
		n, err := newRedis(t, node).DBSize(t.Context()).Result()
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, n)
	}
	if slices.Max(sizes) == 6 || slices.Min(sizes) == 0 {
		t.Errorf("the nodes have %v of 6 keys, want some each", sizes)
	}
	if err := c.Nodes()[0].Restart(t.Context()); err != nil {
		t.Errorf("a node does not come back: %v", err)
	}
}
