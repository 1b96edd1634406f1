package retryqueue_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/producer"
	"github.com/leadhook/leadhook/producer/retryqueue"
	"github.com/leadhook/leadhook/topics"
)

// delays are those that leadhook has without settings.
var delays = []time.Duration{
	10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 12 * time.Hour,
}

// aWaiting is due, so that it goes to the shortest delay.
func aWaiting(live string) *lead.Waiting {
	w := &lead.Waiting{Message: aLetter().Message, NotBefore: at("2021-11-26T12:32:45.999Z"), History: aLetter().History}
	w.Message.Topic = live
	w.FirstDeferral = at("2026-11-23T16:12:10Z")
	return w
}

// queueRig is a live topic's name, its retry topics of 10s and 1m with three
// partitions, and the queue.
func queueRig(t *testing.T) (r *rig, live string, w *retryqueue.Queue) {
	r, live = newRig(t), topicName()
	r.Create(t, live+".retry.10s", 3)
	r.Create(t, live+".retry.1m", 3)
	return r, live, retryqueue.New(publisher(t, r, zaptest.NewLogger(t)), live, delays[:2], nil)
}

func TestRetryRecord(t *testing.T) {
	r, live, queue := queueRig(t)
	if err := queue.Schedule(within(t), aWaiting(live)); err != nil {
		t.Fatal(err)
	}
	got := r.Reader(t, live+".retry.10s", 2)()
	want := lead.Message{
		Partition: 2,
		Key:       []byte("USA_332240"),
		Value:     []byte("{ \"lead\": {\"id\": 9007199254740993} }\r\n"),
		Headers: []lead.Header{
			header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
			header("leadhook.not-before", "2021-11-26T12:32:45.999Z"),
			header("leadhook.error", "the CRM answered 503"),
			header("leadhook.answer", `{"error":"try later"}`),
			header("leadhook.location", "https://crm.example.com/busy"),
			header("leadhook.record", "5725767000000524157"),
			header("leadhook.advertiser", "USA_332240"),
			header("leadhook.webhook", "84+TEST_1"),
			header("leadhook.delivery", "dlv_00112233445566778899aabbccddeeff"),
			header("leadhook.attempts", "11"),
			header("leadhook.step", "9"),
			header("leadhook.replays", "1"),
			header("leadhook.status", "503"),
			header("leadhook.evidence", "answered"),
			header("leadhook.received", "2026-11-23T16:12:09.500Z"),
			header("leadhook.first-attempt", "2026-11-23T16:12:10.123Z"),
			header("leadhook.last-attempt", "2026-11-26T12:22:45.999Z"),
			header("leadhook.first-deferral", "2026-11-23T16:12:10.000Z"),
			header("leadhook.source", live+"/2/1842"),
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(lead.Message{}, "Topic", "Offset", "Time")); diff != "" {
		t.Errorf("record, -want +got:\n%s", diff)
	}
	if age := time.Since(got.Time); age < -time.Minute || age > time.Minute {
		t.Errorf("record's time is %v, want when it was scheduled", got.Time)
	}
}

func TestAnyWaitingIsReadBack(t *testing.T) {
	r, live, queue := queueRig(t)
	next := []func() lead.Message{}
	for p := range 3 {
		next = append(next, r.Reader(t, live+".retry.1m", p))
	}
	rapid.Check(t, func(rt *rapid.T) {
		letter := anyLetter(rt)
		want := lead.Waiting{
			Message: letter.Message, History: letter.History,
			NotBefore: time.UnixMilli(time.Now().Add(time.Minute).UnixMilli() + rapid.Int64Range(0, 5000).Draw(rt, "later")).UTC(),
		}
		want.Webhook, want.Delivery = "w"+letter.Webhook, "d"+letter.Delivery
		if err := queue.Schedule(t.Context(), &want); err != nil {
			rt.Fatal(err)
		}
		want.Message.Key = []byte(want.Advertiser)
		record := next[letter.Message.Partition]()
		if diff := cmp.Diff(&want, queue.Read(&record), cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("read back, -want +got:\n%s", diff)
		}
	})
}

func TestReadRefusesWhatIsNoWaitingDelivery(t *testing.T) {
	webhook, delivery := header("leadhook.webhook", "w"), header("leadhook.delivery", "d")
	source, notBefore := header("leadhook.source", "leads/1/2"), header("leadhook.not-before", "2026-11-23T16:12:09.500Z")
	cases := map[string]struct {
		topic   string
		headers []lead.Header
		want    bool
	}{
		"sound":                              {"leads.retry.10s", []lead.Header{webhook, delivery}, true},
		"of other setting":                   {"leads.retry.90s", []lead.Header{webhook, delivery}, false}, // spelt 1m30s
		"of a left-over":                     {"leads.retry.1m30s", []lead.Header{webhook, delivery}, true},
		"live":                               {"leads", []lead.Header{webhook, delivery}, false},
		"dead letter":                        {"leads.dlq", []lead.Header{webhook, delivery}, false},
		"of other leads":                     {"calls.retry.10s", []lead.Header{webhook, delivery}, false},
		"no webhook":                         {"leads.retry.10s", []lead.Header{delivery}, false},
		"no delivery":                        {"leads.retry.10s", []lead.Header{webhook, header("leadhook.delivery", ""), source, notBefore}, false},
		"dead letter of an unreadable event": {"leads.retry.10s", []lead.Header{header("leadhook.reason", "not_json")}, true},
		"whole event":                        {"leads.retry.10s", []lead.Header{source, notBefore}, true},
		"event of nowhere":                   {"leads.retry.10s", []lead.Header{notBefore}, false},
	}
	queue := retryqueue.New(nil, "leads", delays, nil)
	for name, c := range cases {
		if got := queue.Read(&lead.Message{Topic: c.topic, Headers: c.headers}); got != nil != c.want {
			t.Errorf("%s: read %+v, want one: %t", name, got, c.want)
		}
	}
}

func TestADeliveryKeepsThePartitionItLiesIn(t *testing.T) {
	queue := retryqueue.New(nil, "leads", delays, nil)
	for _, source := range []string{"", "leads", "leads/x/1", "leads/9999/1"} {
		got := queue.Read(&lead.Message{Topic: "leads.retry.1m", Partition: 4, Headers: []lead.Header{
			header("leadhook.webhook", "w"), header("leadhook.delivery", "d"), header("leadhook.source", source),
			header("leadhook.not-before", "soon"),
		}})
		if got == nil || got.Message.Partition != 4 || !got.NotBefore.IsZero() {
			t.Errorf("source %q: read %+v, want partition 4 and no time", source, got)
		}
	}
}

func TestNext(t *testing.T) {
	const s, m, h = time.Second, time.Minute, time.Hour
	for _, c := range []struct{ wait, want time.Duration }{
		{-h, 10 * s}, {0, 10 * s}, {s, 10 * s}, {10 * s, 10 * s},
		{11 * s, 10 * s}, {49 * s, 10 * s}, {50 * s, m}, {m, m}, {m + 1, m},
		{4*m + 9*s, m}, {4*m + 10*s, 5 * m}, {5 * m, 5 * m}, {24 * m, 5 * m}, {25 * m, 30 * m},
		{99 * m, 30 * m}, {100 * m, 2 * h}, {6 * h, 2 * h}, {10*h - 1, 2 * h}, {10 * h, 12 * h}, {24 * h, 12 * h},
	} {
		if got := retryqueue.Next(delays, c.wait); got != c.want {
			t.Errorf("a wait of %v goes to the topic of %v, want %v", c.wait, got, c.want)
		}
	}
	for _, c := range []struct{ only, wait time.Duration }{{m, s}, {s, h}} {
		if got := retryqueue.Next([]time.Duration{c.only}, c.wait); got != c.only {
			t.Errorf("of %v alone, a wait of %v goes to %v", c.only, c.wait, got)
		}
	}
}

// A journey is one wait, simulated: at each hop publishing takes some time, and
// so does reading.
type journey struct {
	hops int
	late time.Duration // negative: early
}

func travel(queue *retryqueue.Queue, began time.Time, wait time.Duration, latency func() time.Duration) journey {
	notBefore := began.Add(wait)
	now := began.Add(latency())
	j := journey{}
	for j.hops == 0 || now.Before(notBefore) {
		j.hops++
		topic := topics.RetryName("leads", retryqueue.Next(delays, notBefore.Sub(now)))
		now = now.Add(latency())
		due := queue.Due(&lead.Message{
			Topic: topic, Time: now.Truncate(time.Millisecond),
			Headers: []lead.Header{header("leadhook.not-before", notBefore.Format(time.RFC3339Nano))},
		})
		if due.After(now) {
			now = due
		}
		now = now.Add(latency())
	}
	j.late = now.Sub(notBefore)
	return j
}

func TestTheWholeScheduleTakes13Hops(t *testing.T) {
	schedule := []time.Duration{
		10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute,
		2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour,
	}
	want := []int{1, 1, 1, 1, 1, 3, 1, 2, 2}
	queue := retryqueue.New(nil, "leads", delays, nil)
	rapid.Check(t, func(rt *rapid.T) {
		now := time.UnixMicro(rapid.Int64Range(1.7e15, 1.8e15).Draw(rt, "now"))
		latency := func() time.Duration { return time.Duration(rapid.IntRange(0, 100e6).Draw(rt, "latency")) }
		total := 0
		for i, wait := range schedule {
			j := travel(queue, now, wait, latency)
			if j.hops != want[i] || j.late < 0 || j.late > time.Second {
				rt.Fatalf("the wait of %v took %d hops and was %v late, want %d hops, and late by a second at most",
					wait, j.hops, j.late, want[i])
			}
			total += j.hops
			now = now.Add(wait + j.late)
		}
		if total != 13 {
			rt.Fatalf("%d hops, want 13", total)
		}
	})
}

func TestNoWaitIsTooShortOrMuchTooLong(t *testing.T) {
	queue := retryqueue.New(nil, "leads", delays, nil)
	const mostHops = 20 // 19, if every second is tried
	rapid.Check(t, func(rt *rapid.T) {
		began := time.UnixMicro(rapid.Int64Range(1.7e15, 1.8e15).Draw(rt, "began"))
		wait := time.Duration(rapid.Int64Range(int64(time.Second), int64(24*time.Hour)).Draw(rt, "wait"))
		latency := func() time.Duration { return time.Duration(rapid.IntRange(0, 50e6).Draw(rt, "latency")) }
		j := travel(queue, began, wait, latency)
		tolerable := max(10*time.Second, wait/5) + 100*time.Millisecond // what the last hop itself takes
		if j.late < 0 || j.late > tolerable {
			rt.Fatalf("a wait of %v was %v late, want 0 to %v", wait, j.late, tolerable)
		}
		if j.hops > mostHops {
			rt.Fatalf("a wait of %v took %d hops, want %d at most", wait, j.hops, mostHops)
		}
	})
}

func TestDue(t *testing.T) {
	stamp := at("2026-11-24T12:00:00.250Z")
	for name, c := range map[string]struct {
		topic, notBefore string
		want             time.Duration // after the stamp
	}{
		"by its topic":            {"leads.retry.1m", "2026-11-24T12:01:00.200Z", time.Minute},
		"a little later":          {"leads.retry.1m", "2026-11-24T12:01:01.250Z", time.Minute + time.Second},
		"to be put on":            {"leads.retry.1m", "2026-11-24T12:01:01.251Z", time.Minute},
		"not before is far away":  {"leads.retry.1m", "9999-11-24T12:00:00Z", time.Minute},
		"not before is damaged":   {"leads.retry.1m", "12:01:00.900", time.Minute},
		"no not before":           {"leads.retry.1m", "", time.Minute},
		"left over":               {"leads.retry.1h30m", "", 90 * time.Minute},
		"longest":                 {"leads.retry.168h", "", 168 * time.Hour},
		"no retry topic":          {"leads", "", 0},
		"retry topic of other":    {"calls.retry.1m", "", 0},
		"name of no retry topic":  {"leads.retry.60s", "", 0},
		"topic of a negative one": {"leads.retry.-1m", "", 0},
	} {
		m := lead.Message{Topic: c.topic, Time: stamp, Headers: []lead.Header{header("leadhook.not-before", c.notBefore)}}
		if got := retryqueue.New(nil, "leads", delays, nil).Due(&m).Sub(stamp); got != c.want {
			t.Errorf("%s: due %v after its timestamp, want %v", name, got, c.want)
		}
	}
}

func TestScheduleWaitsForTheTopic(t *testing.T) {
	r := newRig(t)
	live := topicName()
	p := publisher(t, r, zap.NewNop())
	queue := retryqueue.New(p, live, delays, nil)
	cause := errors.New("the generation has ended")
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := make(chan error, 1)
	go func() { failed <- queue.Schedule(ctx, aWaiting(live)) }()
	waitFor(t, func() bool { return p.Ready() != nil })
	cancel(cause)
	if err := <-failed; !errors.Is(err, cause) {
		t.Errorf("without its topic: %v, want %v", err, cause)
	}

	scheduled := make(chan error, 1)
	go func() { scheduled <- queue.Schedule(within(t), aWaiting(live)) }()
	r.Create(t, live+".retry.10s", 3)
	if err := <-scheduled; err != nil {
		t.Errorf("when its topic is there: %v", err)
	}
}

func TestScheduledAndForwardedDeliveriesAreCounted(t *testing.T) {
	r := newRig(t)
	live := r.Topic(t, 1)
	r.Create(t, live+".retry.10s", 1)
	r.Create(t, live+".retry.1m", 1)
	registry := prometheus.NewRegistry()
	p := producer.NewPublisher(producer.Options{Brokers: r.Brokers, Transport: r.Transport}, nil, zap.NewNop())
	defer p.Close()
	queue := retryqueue.New(p, live, delays, registry)
	d := aWaiting(live)
	d.Message.Partition = 0
	for i, wait := range []time.Duration{time.Minute, time.Minute, 5 * time.Second, 5 * time.Second} {
		d.NotBefore = time.Now().Add(wait)
		put := queue.Schedule
		if i == 3 {
			put = queue.Forward
		}
		if err := put(within(t), d); err != nil {
			t.Fatal(err)
		}
	}
	want := `
		# HELP leadhook_retry_queue_forwarded_total Deliveries that were forwarded to a further retry topic, since their wait was not over.
		# TYPE leadhook_retry_queue_forwarded_total counter
		leadhook_retry_queue_forwarded_total 1
		# HELP leadhook_retry_queue_scheduled_total Deliveries that began to wait in a retry topic, by topic.
		# TYPE leadhook_retry_queue_scheduled_total counter
		leadhook_retry_queue_scheduled_total{topic="LIVE.retry.10s"} 1
		leadhook_retry_queue_scheduled_total{topic="LIVE.retry.1m"} 2
	`
	err := testutil.GatherAndCompare(registry, strings.NewReader(strings.ReplaceAll(want, "LIVE", live)),
		"leadhook_retry_queue_forwarded_total", "leadhook_retry_queue_scheduled_total")
	if err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}
