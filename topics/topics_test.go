package topics_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leadhook/leadhook/topics"
)

// specs are for a live topic of the given name, with one replica.
func specs(live string) []topics.Spec {
	return topics.Specs(topics.Settings{
		Live: live, Partitions: 3, ReplicationFactor: 1, MinInsync: 1,
		LiveRetention: 7 * 24 * time.Hour, DeadLetterRetention: 30 * 24 * time.Hour,
	})
}

func TestTopics(t *testing.T) {
	got := topics.Specs(topics.Settings{
		Live: "leads", Partitions: 12, ReplicationFactor: 3, MinInsync: 2,
		LiveRetention: time.Hour, DeadLetterRetention: -1, MaxMessageBytes: 5000,
	})
	want := []topics.Spec{
		{Name: "leads", Partitions: 12, ReplicationFactor: 3, MinInsync: 2, Retention: time.Hour, MaxMessageBytes: 5000},
		{Name: "leads.dlq", Partitions: 12, ReplicationFactor: 3, MinInsync: 2, Retention: -1, MaxMessageBytes: 5000 + 65536},
		{Name: "leads.webhooks", Partitions: 1, ReplicationFactor: 3, MinInsync: 2, MaxMessageBytes: 1048588,
			LogAppendTime: true, CompactionLag: 7 * 24 * time.Hour},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("specs, -want +got:\n%s", diff)
	}
}

func TestCreateTopics(t *testing.T) {
	r := newRig(t)
	live := topicName()
	want := []topics.Created{
		{Topic: live, Partitions: 3, Created: true},
		{Topic: live + ".dlq", Partitions: 3, Created: true},
		{Topic: live + ".webhooks", Partitions: 1, Created: true},
	}
	for _, created := range []bool{true, false} {
		got, err := topics.Create(within(t), r.Client, specs(live))
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			want[i].Created = created
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("result, -want +got:\n%s", diff)
		}
	}
	problems, err := topics.Check(within(t), r.Client, specs(live))
	if err != nil || len(problems) > 0 {
		t.Errorf("topics just created have problems %+v, %v", problems, err)
	}
	for suffix, want := range map[string]map[string]string{
		".dlq": {
			"cleanup.policy": "delete", "retention.ms": "2592000000", "min.insync.replicas": "1",
			"max.message.bytes": fmt.Sprint(1048588 + 65536),
		},
		".webhooks": {
			"cleanup.policy": "compact", "min.compaction.lag.ms": "604800000", "min.insync.replicas": "1",
			"max.message.bytes": "1048588", "message.timestamp.type": "LogAppendTime",
		},
	} {
		settings := r.Settings(t, live+suffix)
		for name, want := range want {
			if got := settings[name]; got != want {
				t.Errorf("%s: %s is %q, want %q", suffix, name, got, want)
			}
		}
	}
}

func TestCreateTopicsBesideALiveTopicAsItIs(t *testing.T) {
	r := newRig(t)
	live := r.Topic(t, 5, "max.message.bytes=3000000", "retention.ms=900000000")
	got, err := topics.Create(within(t), r.Client, specs(live))
	if err != nil {
		t.Fatal(err)
	}
	want := []topics.Created{
		{Topic: live, Partitions: 5}, {Topic: live + ".dlq", Partitions: 5, Created: true},
		{Topic: live + ".webhooks", Partitions: 1, Created: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result, -want +got:\n%s", diff)
	}
	if got := r.Settings(t, live)["max.message.bytes"]; got != "3000000" {
		t.Errorf("the live topic was changed: max.message.bytes %s", got)
	}
	if problems, err := topics.Check(within(t), r.Client, specs(live)); err != nil || len(problems) > 0 {
		t.Errorf("problems %+v, %v", problems, err)
	}
}

func TestCreateTopicsSaysWhichCouldNot(t *testing.T) {
	r := newFake(t)
	r.Cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.CreateTopics}, Topic: "leads.dlq", Err: kerr.InvalidReplicationFactor,
	})
	s := specs("leads")
	s[1].ReplicationFactor = 3
	got, err := topics.Create(within(t), r.Client, s)
	if err == nil || !strings.Contains(err.Error(), "leads.dlq") || !strings.Contains(err.Error(), "more brokers") {
		t.Errorf("error %v, want one that names leads.dlq and says what to do", err)
	}
	want := []topics.Created{{Topic: "leads", Partitions: 3, Created: true}, {Topic: "leads.webhooks", Partitions: 1, Created: true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result, -want +got:\n%s", diff)
	}
}

func TestCheckTopics(t *testing.T) {
	type topic struct {
		partitions int
		settings   []string
	}
	large := fmt.Sprintf("max.message.bytes=%d", 1048588+65536)
	long := "retention.ms=2592000000"
	soundLive, soundDead := topic{3, nil}, topic{3, []string{large, long}}
	cases := map[string]struct {
		live, dead *topic
		want       []string // "topic failure|warning: part of the text"
	}{
		"sound":        {&soundLive, &soundDead, nil},
		"both missing": {nil, nil, []string{"live failure: --partitions 3 ", "dlq failure: leadhook topics create"}},
		"dlq missing":  {&topic{5, nil}, nil, []string{"dlq failure: --partitions 5 "}},
		"live missing": {nil, &soundDead, []string{"live failure: does not exist"}},
		"dlq too few":  {&topic{5, nil}, &soundDead, []string{"dlq failure: leadhook topics create --partitions 5"}},
		"dlq too many": {&topic{2, nil}, &soundDead,
			[]string{"live warning: has 2 partitions, the settings say 3", "dlq warning: more than it needs"}},
		"both too few": {&topic{2, nil}, &topic{2, []string{large, long}},
			[]string{"live warning: has 2 partitions, the settings say 3"}},
		"live limit too small": {&topic{3, []string{"max.message.bytes=900000"}}, &soundDead,
			[]string{"live warning: --add-config max.message.bytes=1048588"}},
		"not as wished": {&topic{4, nil}, &topic{4, []string{large, long}}, nil},
		"dlq's limit as the live topic's": {&soundLive, &topic{3, []string{long}},
			[]string{"dlq failure: --add-config max.message.bytes=1114124"}},
		"dlq's limit a byte short": {&soundLive, &topic{3, []string{long, "max.message.bytes=1114123"}},
			[]string{"dlq failure: --add-config max.message.bytes=1114124"}},
		"live limit raised": {&topic{3, []string{"max.message.bytes=2000000"}}, &soundDead,
			[]string{"dlq failure: --add-config max.message.bytes=2065536"}},
		"dlq kept too short": {&soundLive, &topic{3, []string{large, "retention.ms=3600000"}},
			[]string{"dlq warning: keeps records for 1h0m0s, the settings say 720h0m0s"}},
		"dlq kept for ever": {&soundLive, &topic{3, []string{large, "retention.ms=-1"}}, nil},
		"compacted": {&soundLive, &topic{3, []string{large, long, "cleanup.policy=compact"}},
			[]string{"dlq failure: cleanup.policy"}},
		"min ISR beyond the replicas": {&topic{3, []string{"min.insync.replicas=2"}}, &soundDead,
			[]string{"live failure: --add-config min.insync.replicas=1"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			live := topicName()
			for suffix, topic := range map[string]*topic{"": c.live, ".dlq": c.dead} {
				if topic != nil {
					r.Create(t, live+suffix, topic.partitions, topic.settings...)
				}
			}
			r.Create(t, live+".webhooks", 1, soundWebhooks...)
			problems, err := topics.Check(within(t), r.Client, specs(live))
			if err != nil {
				t.Fatal(err)
			}
			compareProblems(t, live, problems, c.want)
		})
	}
}

var soundWebhooks = []string{
	"cleanup.policy=compact", "min.compaction.lag.ms=604800000", "message.timestamp.type=LogAppendTime",
}

func TestCheckTheTopicOfTheWebhooks(t *testing.T) {
	r := newRig(t)
	live := topicName()
	s := specs(live)
	if _, err := topics.Create(within(t), r.Client, s[:2]); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		partitions int
		setting    string
		want       []string
	}{
		"missing": {0, "", []string{"webhooks failure: --partitions 1 --replication-factor 1 --config cleanup.policy=compact " +
			"--config min.compaction.lag.ms=604800000 --config min.insync.replicas=1 --config max.message.bytes=1048588 " +
			"--config message.timestamp.type=LogAppendTime"}},
		"as created":            {1, "", nil},
		"larger than necessary": {1, "max.message.bytes=9000000", nil},
		"kept longer":           {1, "min.compaction.lag.ms=604800001", nil},
		"a short retention":     {1, "retention.ms=1000", nil}, // it is not in force
		"not compacted": {1, "cleanup.policy=delete", []string{"webhooks failure: has cleanup.policy delete: Kafka would remove " +
			"webhooks that nobody has changed for a while, and their leads would be sent nowhere. Change it: kafka-configs.sh"}},
		"compacted and deleted": {1, "cleanup.policy=compact,delete", []string{"webhooks failure: --add-config cleanup.policy=compact"}},
		"compacted early":       {1, "min.compaction.lag.ms=604799999", []string{"webhooks failure: --add-config min.compaction.lag.ms=604800000"}},
		"small records":         {1, "max.message.bytes=1048575", []string{"webhooks failure: --add-config max.message.bytes=1048588"}},
		"the producers' time":   {1, "message.timestamp.type=CreateTime", []string{"webhooks warning: --add-config message.timestamp.type=LogAppendTime"}},
		"several partitions":    {3, "", []string{"webhooks failure: has 3 partitions and must have 1"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			of := s[2]
			of.Name = topicName()
			if c.partitions > 0 {
				settings := slices.Clone(soundWebhooks)
				if c.setting != "" {
					settings = append(settings, c.setting)
				}
				r.Create(t, of.Name, c.partitions, settings...)
			}
			problems, err := topics.Check(within(t), r.Client, []topics.Spec{s[0], s[1], of})
			if err != nil {
				t.Fatal(err)
			}
			for i := range problems {
				if problems[i].Topic == of.Name {
					problems[i].Topic = live + ".webhooks"
				}
			}
			compareProblems(t, live, problems, c.want)
		})
	}
}

func TestCheckTopicsWithFewerInSyncThanTheSettingsSay(t *testing.T) {
	r := newRig(t)
	live := topicName()
	r.Create(t, live, 1, "min.insync.replicas=1")
	spec := topics.Spec{Name: live, MinInsync: 2}
	problems, err := topics.Check(within(t), r.Client, []topics.Spec{spec})
	if err != nil {
		t.Fatal(err)
	}
	compareProblems(t, live, problems, []string{"live warning: has min.insync.replicas 1, the settings say 2"})
}

func compareProblems(t *testing.T, live string, problems []topics.Problem, want []string) {
	t.Helper()
	if len(problems) != len(want) {
		t.Fatalf("%d problems %+v, want %d", len(problems), problems, len(want))
	}
	for i, p := range problems {
		kind, text, _ := strings.Cut(want[i], ": ")
		got := "live"
		if suffix, ok := strings.CutPrefix(p.Topic, live+"."); ok {
			got = suffix
		}
		if p.Warning {
			got += " warning"
		} else {
			got += " failure"
		}
		text = strings.ReplaceAll(text, "DLQ", live+".dlq")
		if got != kind || !strings.Contains(p.Text, text) {
			t.Errorf("problem %d is %s: %s\nwant %s: …%s…", i, got, p.Text, kind, text)
		}
	}
}

func TestCreateTopicsWithoutTheBrokersTimeWhereThatIsNotPermitted(t *testing.T) {
	r := newFake(t)
	r.Cluster.ControlKey(int16(kmsg.CreateTopics), func(req kmsg.Request) (kmsg.Response, error, bool) {
		r.Cluster.KeepControl()
		resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
		for _, asked := range req.(*kmsg.CreateTopicsRequest).Topics {
			for _, c := range asked.Configs {
				if c.Name == "message.timestamp.type" {
					topic := kmsg.NewCreateTopicsResponseTopic()
					topic.Topic, topic.ErrorCode = asked.Topic, kerr.PolicyViolation.Code
					resp.Topics = append(resp.Topics, topic)
				}
			}
		}
		return resp, nil, len(resp.Topics) > 0
	})
	s := specs("leads")[2:] // the webhooks
	if _, err := topics.Create(within(t), r.Client, s); err != nil {
		t.Fatal(err)
	}
	if got := r.Settings(t, s[0].Name)["message.timestamp.type"]; got == "LogAppendTime" {
		t.Errorf("message.timestamp.type is %s", got)
	}
	s = specs("others")[2:]
	if err := topics.Grow(within(t), r.Client, s, 3, func(topics.Created) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if got := r.Settings(t, s[0].Name)["message.timestamp.type"]; got == "LogAppendTime" {
		t.Errorf("of a topic that grows, message.timestamp.type is %s", got)
	}
}

func TestCheckTopicsWantsTheBrokersTime(t *testing.T) {
	r := newRig(t)
	live := r.Topic(t, 3)
	s := specs(live)
	s[1].LogAppendTime = true
	r.Create(t, live+".dlq", 3, "max.message.bytes=1114124", "retention.ms=-1")
	r.Create(t, live+".webhooks", 1, soundWebhooks...)
	problems, err := topics.Check(within(t), r.Client, s)
	if err != nil {
		t.Fatal(err)
	}
	compareProblems(t, live, problems, []string{"dlq warning: --add-config message.timestamp.type=LogAppendTime"})
	r.Set(t, live+".dlq", "message.timestamp.type", "LogAppendTime")
	if problems, err = topics.Check(within(t), r.Client, s); err != nil || len(problems) > 0 {
		t.Errorf("problems %+v, %v", problems, err)
	}
}

func TestCheckTopicsWithoutPermissionToReadSettings(t *testing.T) {
	r := newFake(t)
	if _, err := topics.Create(within(t), r.Client, specs("leads")); err != nil {
		t.Fatal(err)
	}
	r.Cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.DescribeConfigs}, Resource: "leads.dlq", Err: kerr.TopicAuthorizationFailed,
	})
	problems, err := topics.Check(within(t), r.Client, specs("leads"))
	if err != nil {
		t.Fatal(err)
	}
	compareProblems(t, "leads", problems, []string{"dlq warning: --operation DescribeConfigs --topic leads.dlq"})
}

func TestNewTopicsCanBeUsed(t *testing.T) {
	r := newFake(t)
	s := specs("leads")
	waits := func(what string, do func() error) {
		t.Helper()
		const refusals = 3
		leaders := r.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: "leads.webhooks", Err: kerr.NotLeaderForPartition, Count: refusals})
		defer leaders.Remove()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if n := leaders.Hits(); n != refusals {
			t.Errorf("%s: it returned after %d refusals of the leader, want %d and an answer", what, n, refusals)
		}
	}
	waits("created", func() error { _, err := topics.Create(within(t), r.Client, s); return err })
	waits("made anew", func() error { return topics.Renew(within(t), r.Client, s[len(s)-1]) })
}

func TestCheckTopicsWithReplicasMissing(t *testing.T) {
	r := newFake(t, kfake.NumBrokers(3))
	s := specs("leads")
	if _, err := topics.Create(within(t), r.Client, s); err != nil {
		t.Fatal(err)
	}
	r.Cluster.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		r.Cluster.KeepControl()
		return metadata(req.(*kmsg.MetadataRequest), r.Cluster), nil, true
	})
	r.Transport.CloseIdleConnections() // and with them what it knows of the topics
	for i := range s {
		s[i].ReplicationFactor = 3
	}
	problems, err := topics.Check(within(t), r.Client, s)
	if err != nil {
		t.Fatal(err)
	}
	compareProblems(t, "leads", problems, []string{
		"live warning: has 2 replicas, the settings say 3",
		"live warning: 1 of 3 partitions have no leader",
		"live warning: 1 of 3 partitions have replicas that are not in sync",
		"dlq warning: has 2 replicas",
		"dlq warning: no leader",
		"dlq warning: not in sync",
		"webhooks warning: has 2 replicas, the settings say 3: webhooks are lost",
		"webhooks warning: 1 of 1 partitions have no leader",
	})
}

// metadata describes three partitions on two replicas: one without leader, one
// with a replica that is not in sync, and a sound one.
func metadata(req *kmsg.MetadataRequest, cluster *kfake.Cluster) kmsg.Response {
	res := req.ResponseKind().(*kmsg.MetadataResponse)
	for id, address := range cluster.ListenAddrs() {
		b := kmsg.NewMetadataResponseBroker()
		b.NodeID, b.Host = int32(id), "127.0.0.1"
		_, _ = fmt.Sscanf(address, "127.0.0.1:%d", &b.Port)
		res.Brokers = append(res.Brokers, b)
	}
	for _, name := range []string{"leads", "leads.dlq", "leads.webhooks"} {
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic = &name
		for i := range int32(3) {
			p := kmsg.NewMetadataResponseTopicPartition()
			p.Partition, p.Leader, p.Replicas, p.ISR = i, 0, []int32{0, 1}, []int32{0, 1}
			topic.Partitions = append(topic.Partitions, p)
		}
		topic.Partitions[0].Leader = -1
		topic.Partitions[0].ErrorCode = kerr.LeaderNotAvailable.Code
		topic.Partitions[1].ISR = []int32{0}
		res.Topics = append(res.Topics, topic)
	}
	webhooks := &res.Topics[2]
	webhooks.Partitions = webhooks.Partitions[:1]
	return res
}

func TestTopicsWhileKafkaIsAway(t *testing.T) {
	r := connect(t, "127.0.0.1:1", "127.0.0.1:2")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err1 := topics.Check(ctx, r.Client, specs("leads"))
	_, err2 := topics.Create(ctx, r.Client, specs("leads"))
	for _, err := range []error{err1, err2} {
		if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1,127.0.0.1:2") {
			t.Errorf("error %v, want one that names both addresses", err)
		}
	}
	if ctx.Err() != nil {
		t.Error("it took until the deadline to say so")
	}
}
