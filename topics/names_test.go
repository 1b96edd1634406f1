package topics_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/topics"
)

func TestRetryTopicNames(t *testing.T) {
	for spelt, delay := range map[string]time.Duration{
		"10s": 10 * time.Second, "1m": time.Minute, "30m": 30 * time.Minute, "1m30s": 90 * time.Second,
		"2h": 2 * time.Hour, "1h30m": 90 * time.Minute, "24h": 24 * time.Hour, "168h": 168 * time.Hour,
		"1h0m1s": time.Hour + time.Second, "200ms": 200 * time.Millisecond, "1.5s": 1500 * time.Millisecond,
	} {
		topic := topics.RetryName("leads", delay)
		if want := "leads.retry." + spelt; topic != want {
			t.Errorf("the topic of %v is %s, want %s", delay, topic, want)
		}
		if got, ok := topics.RetryDelay("leads", topic); got != delay || !ok {
			t.Errorf("the delay of %s is %v, %t, want %v", topic, got, ok, delay)
		}
	}
	for _, topic := range []string{
		"leads", "leads.dlq", "leads.retry", "leads.retry.", "leads.retry.60s", "leads.retry.1m0s", "leads.retry.01m",
		"leads.retry.0s", "leads.retry.-1m", "leads.retry.+1m", "leads.retry.169h", "leads.retry.10", "leads.retry.1d",
		"leads.retry.1us", "leads.retry.10s.dlq", "leads.retry.10s.retry.10s", "calls.retry.10s", "x.leads.retry.10s",
	} {
		if got, ok := topics.RetryDelay("leads", topic); got != 0 || ok {
			t.Errorf("%s is taken for a retry topic of %v", topic, got)
		}
	}
}

func FuzzRetryDelay(f *testing.F) {
	f.Add("10s")
	f.Add("1h30m")
	f.Add("9223372036854775807ns")
	f.Fuzz(func(t *testing.T, spelt string) {
		topic := "leads.retry." + spelt
		delay, ok := topics.RetryDelay("leads", topic)
		if ok && (delay <= 0 || delay > 168*time.Hour || topics.RetryName("leads", delay) != topic) {
			t.Errorf("%s has the delay %v, whose topic is %s", topic, delay, topics.RetryName("leads", delay))
		}
	})
}

func TestRetryTopicsAreFoundWhateverTheSettings(t *testing.T) {
	r := newRig(t)
	live := topicName()
	for _, suffix := range []string{"", ".dlq", ".retry.2h", ".retry.90s", ".retry.1h30m", ".retry.10s", ".retry.10s.dlq"} {
		r.Create(t, live+suffix, 1)
	}
	r.Transport.CloseIdleConnections() // and with them what it knows of the topics
	got, err := topics.RetryNames(within(t), r.Client, live)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{live + ".retry.10s", live + ".retry.1h30m", live + ".retry.2h"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("retry topics, -want +got:\n%s", diff)
	}
	if got, err := topics.RetryNames(within(t), r.Client, live+"-other"); err != nil || len(got) > 0 {
		t.Errorf("of another live topic: %v, %v, want none", got, err)
	}
}

func TestRetryTopicsAreCreatedSound(t *testing.T) {
	r := newRig(t)
	live := topicName()
	specs := retrySpecs(live)
	created, err := topics.Create(within(t), r.Client, specs)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range created {
		names = append(names, strings.TrimPrefix(c.Topic, live))
	}
	if diff := cmp.Diff([]string{"", ".retry.10s", ".retry.12h", ".dlq", ".webhooks"}, names); diff != "" {
		t.Errorf("topics created, -want +got:\n%s", diff)
	}
	settings := r.Settings(t, live+".retry.12h")
	for name, want := range map[string]string{
		"cleanup.policy": "delete", "retention.ms": "648000000", "message.timestamp.type": "LogAppendTime",
		"max.message.bytes": "1114124",
	} {
		if got := settings[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if problems, err := topics.Check(within(t), r.Client, specs); err != nil || len(problems) > 0 {
		t.Errorf("topics just created have problems %+v, %v", problems, err)
	}
}

// retrySpecs has retry topics of 10s and 12h.
func retrySpecs(live string) []topics.Spec {
	return topics.Specs(topics.Settings{
		Live: live, Partitions: 3, ReplicationFactor: 1, RetryDelays: []time.Duration{10 * time.Second, 12 * time.Hour},
	})
}

func TestCheckOfRetryTopics(t *testing.T) {
	sound := []string{"max.message.bytes=1114124", "message.timestamp.type=LogAppendTime", "retention.ms=648000000"}
	cases := map[string]struct {
		topic      string // beside the live topic, the dead-letter topic, and a sound retry topic of 10s
		partitions int
		settings   []string // after the sound ones
		want       []string // "failure|warning: part of the text"
	}{
		"sound":    {".retry.12h", 3, nil, nil},
		"for ever": {".retry.12h", 3, []string{"retention.ms=-1"}, nil},
		"missing":  {".other", 3, nil, []string{"failure: TOPIC does not exist"}},
		"kept too short": {".retry.12h", 3, []string{"retention.ms=647999999"},
			[]string{"failure: must for 180h0m0s, its delay and a week"}},
		"of a size": {".retry.12h", 3, []string{"retention.bytes=1000000"},
			[]string{"warning: --add-config retention.bytes=-1"}},
		"the producer's time": {".retry.12h", 3, []string{"message.timestamp.type=CreateTime"},
			[]string{"warning: --add-config message.timestamp.type=LogAppendTime"}},
		"too few": {".retry.12h", 2, nil, []string{"failure: leadhook topics create --partitions 3"}},
		"too small": {".retry.12h", 3, []string{"max.message.bytes=1114123"},
			[]string{"failure: --add-config max.message.bytes=1114124"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			live := topicName()
			if _, err := topics.Create(within(t), r.Client, specs(live)); err != nil {
				t.Fatal(err)
			}
			r.Create(t, live+".retry.10s", 3, sound...)
			r.Create(t, live+c.topic, c.partitions, override(sound, c.settings)...)
			r.Transport.CloseIdleConnections()
			problems, err := topics.Check(within(t), r.Client, retrySpecs(live))
			if err != nil {
				t.Fatal(err)
			}
			compareRetryProblems(t, live+".retry.12h", problems, c.want)
		})
	}
}

// override replaces the settings that are given anew.
func override(settings, with []string) []string {
	var all []string
	for _, s := range settings {
		name, _, _ := strings.Cut(s, "=")
		if len(with) == 0 || !strings.HasPrefix(with[0], name+"=") {
			all = append(all, s)
		}
	}
	return append(all, with...)
}

func compareRetryProblems(t *testing.T, topic string, problems []topics.Problem, want []string) {
	t.Helper()
	if len(problems) != len(want) {
		t.Fatalf("%d problems %+v, want %d", len(problems), problems, len(want))
	}
	for i, p := range problems {
		kind, text, _ := strings.Cut(want[i], ": ")
		if p.Topic != topic || p.Warning != (kind == "warning") || !strings.Contains(p.Text, strings.ReplaceAll(text, "TOPIC", topic)) {
			t.Errorf("problem %+v, want of %s: %s", p, topic, want[i])
		}
	}
}

func TestALeftOverRetryTopicIsCheckedAndNamed(t *testing.T) {
	r := newRig(t)
	live := topicName()
	if _, err := topics.Create(within(t), r.Client, retrySpecs(live)); err != nil {
		t.Fatal(err)
	}
	left := live + ".retry.1h30m"
	r.Create(t, left, 3, "max.message.bytes=1114124", "message.timestamp.type=LogAppendTime", "retention.ms=3600000")
	r.Transport.CloseIdleConnections()
	problems, err := topics.Check(within(t), r.Client, retrySpecs(live))
	if err != nil {
		t.Fatal(err)
	}
	compareRetryProblems(t, left, problems, []string{
		"failure: --add-config retention.ms=610200000", "warning: left over from other settings: retry.delays does not name 1h30m",
	})
}
