package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
)

func TestTopicsAreCreatedAndChecked(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{noTopics: true})
	all := append(r.topics(), r.topic+".webhooks")
	missing := r.leadhook("", "topics", "check")
	for _, topic := range all {
		if missing.code != exitFailed || !containsAll(missing.out, "problem: "+topic+" does not exist", "leadhook topics create") {
			t.Errorf("check without %s: got exit code %d and\n%s%s", topic, missing.code, missing.out, missing.errs)
		}
	}
	for _, what := range []string{"created", "exists"} {
		var want strings.Builder
		fmt.Fprintf(&want, "%-*s  PARTITIONS  STATE\n", len(r.topic+".retry.200ms"), "TOPIC")
		for _, topic := range all {
			partitions := 4
			if topic == r.topic+".webhooks" {
				partitions = 1
			}
			fmt.Fprintf(&want, "%-*s  %-10d  %s\n", len(r.topic+".retry.200ms"), topic, partitions, what)
		}
		if got := r.must("", "topics", "create"); got != want.String() {
			t.Errorf("create: got\n%swant\n%s", got, &want)
		}
	}
	until(t, poll, "the topics are everywhere", func() bool { return r.leadhook("", "topics", "check").code == exitDone })
	if got, want := r.must("", "topics", "check"), "ok: "+strings.Join(all, "\nok: ")+"\n"; got != want {
		t.Errorf("check: got\n%swant\n%s", got, want)
	}
}

// TestTopicsThatCouldStallALeadAreAProblem has a dead-letter topic with too
// few partitions, which takes smaller records than the live one.
func TestTopicsThatCouldStallALeadAreAProblem(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{noTopics: true})
	small := kafka.ConfigEntry{ConfigName: "max.message.bytes", ConfigValue: "100000"}
	res, err := r.client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: r.topic, NumPartitions: 4, ReplicationFactor: 1},
		{Topic: r.topic + ".dlq", NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: []kafka.ConfigEntry{small}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for topic, err := range res.Errors {
		if err != nil {
			t.Fatalf("create %s: %v", topic, err)
		}
	}
	r.must("", "topics", "create")
	var got result
	until(t, poll, "the topics are everywhere", func() bool {
		got = r.leadhook("", "topics", "check")
		return !strings.Contains(got.out, "does not exist")
	})
	if got.code != exitFailed || !containsAll(got.out, "2 partitions", "max.message.bytes", "leadhook topics create --partitions 4", "kafka-configs.sh") {
		t.Errorf("got exit code %d, want 1, both problems, and the commands that end them:\n%s%s", got.code, got.out, got.errs)
	}
	r.run().notReady("2 partitions")
}

func TestATopicOfOtherRetryDelaysIsNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	r.environ = append(r.environ, "LEADHOOK_RETRY_DELAYS=200ms,2s,15s")
	r.must("", "topics", "create")
	left := r.topic + ".retry.10s"
	until(t, poll, "the topics are everywhere", func() bool { return r.leadhook("", "topics", "check").code == exitDone })
	if got := r.must("", "topics", "check"); !containsAll(got, "warning: "+left+" is left over", "ok: "+r.topic+".retry.15s") {
		t.Errorf("check: got\n%s\nwant a warning about %s", got, left)
	}
	r.seed(r.hook("all", r.name("USA_1")))
	r.run().ready()
}

func TestSeedSaysWhatChanged(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	one, two := r.hook("one", r.name("USA_1")), r.hook("two", r.name("USA_2"))
	said := func(step, want string, hooks ...hook) {
		t.Helper()
		if got := r.seed(hooks...); got != want {
			t.Errorf("%s: got\n%swant\n%s", step, got, want)
		}
	}
	said("first", fmt.Sprintf("added     %s (%s)\n1 added, 0 changed, 0 unchanged\n", one.ID, one.Advertiser), one)
	said("again", "0 added, 0 changed, 1 unchanged\n", one)
	one.Active = false
	said("changed, and another", fmt.Sprintf("changed   %s (%s)\nadded     %s (%s)\n1 added, 1 changed, 0 unchanged\n",
		one.ID, one.Advertiser, two.ID, two.Advertiser), one, two)
	said("one alone: the other stays", "0 added, 0 changed, 1 unchanged\n", two)
	said("both", "0 added, 0 changed, 2 unchanged\n", one, two)

	two.Advertiser = one.Advertiser
	file, _ := json.Marshal(map[string][]hook{"webhooks": {two}})
	if got := r.leadhook(string(file), "seed", "-"); got.code != exitFailed || !strings.Contains(got.errs, two.ID) {
		t.Errorf("an id of another advertiser: got exit code %d, want 1 and the id:\n%s%s", got.code, got.out, got.errs)
	}
}

func TestSeedFaultsAreAllShownAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	id := r.name("sound")
	dir := t.TempDir()
	sound, faulty := filepath.Join(dir, "sound.yaml"), filepath.Join(dir, "faulty.yaml")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(sound, "webhooks:\n  - {id: "+id+", advertiser: A_1, url: https://crm.example.com/, event: new_lead}\n")
	write(faulty, `webhooks:
  - id: a
    advertiser: A_1
    url: https://user:hush@crm.example.com/
    event: new_contact
    formt: json
  - id: b
    advertiser: A_1
    url: https://crm.example.com/
    event: sometimes
    authorization: "hush\n"
`)
	got := r.leadhook("", "seed", sound, faulty)
	if got.code != exitFailed || !containsAll(got.errs, "nothing was written",
		faulty+":4:10: url", faulty+`:6:5: unknown field "formt"`, faulty+":10:12: event", faulty+":11:20: authorization") {
		t.Errorf("got exit code %d, want 1 and four faults with their places:\n%s%s", got.code, got.out, got.errs)
	}
	if strings.Contains(got.errs, "hush") {
		t.Errorf("a secret shows:\n%s", got.errs)
	}
	if got, want := r.must("", "seed", "--quiet", sound), "1 added, 0 changed, 0 unchanged\n"; got != want {
		t.Errorf("the sound file alone: got %q, want %q: nothing was written before", got, want)
	}
}

func TestDeadLettersAreListedAndTailed(t *testing.T) {
	t.Parallel()
	crm := &answers{}
	r := newRig(t, setup{answer: crm.answer, partitions: 2})
	advertiser := r.name("USA_1")
	h := r.hook("refuses", advertiser)
	r.seed(h)
	crm.on(h, answerOf(400))
	if got := r.leadhook("", "dlq", "list"); got != (result{errs: "no dead letters\n"}) {
		t.Errorf("without dead letters: got %+v", got)
	}
	r.put(kafka.Message{Key: []byte(advertiser), Value: []byte("hush"),
		Headers: []kafka.Header{{Key: malformedHeader, Value: []byte("text")}}})
	r.run()
	r.settled() // so that it is the oldest
	r.publish(calls(advertiser, 1, 30)...)
	r.settled()

	table := strings.Split(strings.TrimSpace(r.must("", "dlq", "list")), "\n")
	if len(table) != 1+20 || !containsAll(table[0], "TIME", "ADVERTISER", "WEBHOOK", "REASON", "ATTEMPTS", "STATUS") ||
		!containsAll(table[1], advertiser, h.ID, "refused", "400") {
		t.Errorf("got %d lines, want a heading and the newest 20:\n%s", len(table), strings.Join(table, "\n"))
	}
	type letter struct {
		Advertiser, Webhook, Reason string
		LeadID                      string `json:"lead_id"`
		Attempts, Status            int
	}
	want := map[letter]bool{{Reason: "not_json"}: true}
	for id := range 30 {
		want[letter{advertiser, h.ID, "refused", fmt.Sprint(id + 1), 1, 400}] = true
	}
	got := map[letter]bool{}
	listed := r.must("", "dlq", "list", "--limit", "1000", "--output", "json")
	for line := range strings.Lines(listed) {
		var l letter
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		got[l] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if strings.Contains(listed, "hush") || strings.Contains(listed, "Ada") {
		t.Error("the list shows what is in the events")
	}

	tail := r.begin(nil, "dlq", "tail", "--limit", "3")
	r.until("the newest three show", func() bool { return tail.log.lines(h.ID) == 3 })
	r.publish(calls(advertiser, 31, 5)...)
	r.until("those that come show", func() bool { return tail.log.lines(h.ID) == 8 })
	shown := strings.Split(tail.log.String(), "\n")
	if got, want := strings.Index(shown[1], advertiser), strings.Index(shown[0], "ADVERTISER"); got != want {
		t.Errorf("an advertiser in column %d below a heading in column %d:\n%s", got, want, tail.log.String())
	}
	tail.end(os.Interrupt)
}

// TestPartitionsAreAddedWhileTheServiceRuns stops the command after a step, and starts the
// service in between.
func TestPartitionsAreAddedWhileTheServiceRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	advertiser := r.name("USA_1")
	r.seed(r.hook("a", advertiser))
	i := r.run().ready()
	r.publish(calls(advertiser, 100, 5)...)
	r.until("the first leads arrive", func() bool { return r.account().taken == 5 })

	half, err := r.client.CreatePartitions(t.Context(), &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: r.topic + ".dlq", Count: 9}},
	})
	if err != nil || half.Errors[r.topic+".dlq"] != nil {
		t.Fatal(err, half)
	}
	i.stop()
	i = r.run().ready()
	got := r.must("", "topics", "create", "--partitions", "9")
	if !containsAll(got, r.topic+".retry.2s", r.topic+".dlq", "had 4") || !strings.HasPrefix(last(got), r.topic+" ") {
		t.Errorf("the live topic does not come last:\n%s", got)
	}
	until(t, poll, "the topics are everywhere", func() bool { return r.leadhook("", "topics", "check").code == exitDone })
	r.partitions = 9
	for partition := range 9 {
		for _, event := range calls(advertiser, 1000+10*partition, 10) {
			r.putTo(r.topic, partition, kafka.Message{Value: []byte(event)})
		}
	}
	r.exactly(95)
	i.stop()
	if bad := r.leadhook("", "topics", "create", "--partitions", "5"); bad.code != exitFailed || !strings.Contains(bad.errs, "take partitions away") {
		t.Errorf("fewer partitions: %d %s", bad.code, bad.errs)
	}
}

func last(lines string) string {
	all := strings.Split(strings.TrimSuffix(lines, "\n"), "\n")
	return all[len(all)-1]
}
