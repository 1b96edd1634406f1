package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/samplecrm"
)

// A refusing CRM refuses every lead until it is corrected.
type refusing struct{ corrected atomic.Bool }

func (c *refusing) answer(samplecrm.Post) samplecrm.Answer {
	if c.corrected.Load() {
		return samplecrm.Answer{}
	}
	return samplecrm.Answer{Status: http.StatusUnprocessableEntity}
}

// dead makes n dead letters of a webhook, which its CRM refused.
func dead(t *testing.T, n int) (*rig, *refusing, hook) {
	t.Helper()
	crm := &refusing{}
	r := newRig(t, setup{answer: crm.answer})
	h := r.hook("all", r.name("USA_1"))
	r.seed(h)
	r.publish(calls(h.Advertiser, 1, n)...)
	r.run()
	r.until("all are dead", func() bool { return r.buried() == n })
	return r, crm, h
}

// buried counts the dead letters.
func (r *rig) buried() int {
	n := 0
	for _, end := range r.ends(r.topic + ".dlq") {
		n += int(end)
	}
	return n
}

// A listedLetter is what dlq list tells programs, as far as it matters here.
type listedLetter struct {
	Webhook, Reason, Now string
	LeadID               string `json:"lead_id"`
	Delivery             string
	Status, Replays      int
	Partition, Offset    int
}

func (r *rig) list(args ...string) []listedLetter {
	r.t.Helper()
	var all []listedLetter
	out := r.must("", append([]string{"dlq", "list", "--limit", "1000", "--output", "json"}, args...)...)
	for decoder := json.NewDecoder(strings.NewReader(out)); decoder.More(); {
		var l listedLetter
		if err := decoder.Decode(&l); err != nil {
			r.t.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}

// now counts what became of the dead letters that dlq list shows.
func (r *rig) now() string {
	r.t.Helper()
	counts := map[string]int{}
	for _, l := range r.list() {
		counts[l.Now]++
	}
	return strings.TrimPrefix(fmt.Sprint(counts), "map")
}

func (r *rig) untilNow(want string) {
	r.t.Helper()
	r.until("what became of them is "+want, func() bool { return r.now() == want })
}

func TestDeadLettersAreReplayedOnce(t *testing.T) {
	t.Parallel()
	const n = 30
	r, crm, h := dead(t, n)
	r.put(kafka.Message{Key: []byte(h.Advertiser), Value: []byte("hush"), Headers: []kafka.Header{{Key: malformedHeader, Value: []byte("text")}}})
	r.until("the event that cannot be read is dead", func() bool { return r.buried() == n+1 })
	r.untilNow("[:1 dead:30]")

	if got, want := r.must("", "dlq", "replay", "--all", "--dry-run"), "would replay 30 dead letters\n1 not replayable: not_json\n"; got != want {
		t.Errorf("dry run: got\n%swant\n%s", got, want)
	}
	crm.corrected.Store(true)
	first := r.list("--webhook", h.ID)[0]
	if got := r.must("", "dlq", "replay", first.Delivery); !strings.HasPrefix(got, "replayed 1 dead letter\n") {
		t.Errorf("one delivery: got %s", got)
	}
	if got := r.must("", "dlq", "replay", fmt.Sprintf("%d/%d", first.Partition, first.Offset)); !containsAll(got, "replayed 0 dead letters", "\n1 passed over") {
		t.Errorf("the same by its place: got %s", got)
	}
	if got := r.must("", "dlq", "replay", "--webhook", h.ID, "--limit", "4"); !strings.HasPrefix(got, "replayed 4 dead letters\n") {
		t.Errorf("with a limit: got %s", got)
	}
	if got := r.must("", "dlq", "replay", "--webhook", h.ID, "--status", "4xx", "--reason", "refused", "--since", "1h"); !strings.HasPrefix(got, "replayed 25 dead letters\n") {
		t.Errorf("all of the webhook: got %s", got)
	}
	r.untilNow("[:1 delivered:30]")
	for range 2 {
		const want = "replayed 0 dead letters"
		if got := r.must("", "dlq", "replay", "--all"); !containsAll(got, want, "30 passed over: delivered already\n", "1 not replayable: not_json\n") {
			t.Errorf("again: got %s, want %s", got, want)
		}
	}
	if got, want := r.settled(), (account{events: n + 1, wanted: n, taken: n, failed: n}); got != want {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestWhatStillFailsIsADeadLetterAgain(t *testing.T) {
	t.Parallel()
	r, crm, _ := dead(t, 3)
	for replays := range 2 {
		r.must("", "dlq", "replay", "--all")
		r.until("all are dead again", func() bool { return r.buried() == 3*(replays+2) })
		r.untilNow(fmt.Sprintf("[dead:3 dead_again:%d]", 3*(replays+1)))
	}
	for _, l := range r.list()[:3] {
		if l.Replays != 2 || l.Reason != "refused" {
			t.Errorf("got %+v, want refused after two replays", l)
		}
	}
	crm.corrected.Store(true)
	if got := r.must("", "dlq", "replay", "--all"); !containsAll(got, "replayed 3 dead letters", "6 passed over: replayed already") {
		t.Errorf("got %s, want the newest of each delivery replayed", got)
	}
	r.untilNow("[delivered:9]")
	if got, want := r.settled(), (account{events: 3, wanted: 3, taken: 3, failed: 9}); got != want {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestAReplayUnderWay has no service that would attempt it.
func TestAReplayUnderWay(t *testing.T) {
	t.Parallel()
	r, _, h := dead(t, 2)
	r.environ = append(r.environ, "LEADHOOK_RETRY_DELAYS=10s,30s", "LEADHOOK_RETRY_SCHEDULE=10s")
	r.must("", "dlq", "replay", "--all")
	if got := r.now(); got != "[under_way:2]" {
		t.Errorf("got %s, want both under way", got)
	}
	if got := r.must("", "dlq", "replay", "--webhook", h.ID); !containsAll(got, "replayed 0 dead letters", "2 passed over: replayed already") {
		t.Errorf("again: got %s", got)
	}
}

// TestAReplayThatIsKilledGoesOn kills it, first in an orderly way.
func TestAReplayThatIsKilledGoesOn(t *testing.T) {
	t.Parallel()
	const n = 60
	r, crm, _ := dead(t, n)
	crm.corrected.Store(true)
	args := []string{"dlq", "replay", "--all", "--rate", "20", "--yes"}
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Kill} {
		replay := start(t, r.environ, args...)
		before := r.retried()
		r.until("it replays", func() bool { return r.retried() >= before+5 })
		replay.signal(signal)
		replay.await()
		if signal == syscall.SIGTERM && (replay.code != exitFailed || !containsAll(replay.log.String(), "replayed ", "again for the rest: interrupted")) {
			t.Errorf("interrupted: exit code %d and\n%s", replay.code, replay.log)
		}
	}
	r.must("", "dlq", "replay", "--all", "--yes")
	r.untilNow("[delivered:60]")
	if got, want := r.settled(), (account{events: n, wanted: n, taken: n, failed: n}); got != want {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// retried counts the records of the shortest retry topic.
func (r *rig) retried() int {
	n := 0
	for _, end := range r.ends(r.topic + ".retry." + retryDelays[0]) {
		n += int(end)
	}
	return n
}

// TestAReplayHasItsDaysAnew has a dead letter of a delivery whose time is over
// since long, one that was replayed as often as can be, and one of a later version.
func TestAReplayHasItsDaysAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	h := r.hook("all", r.name("USA_1"))
	r.seed(h)
	old := func(id int, more ...kafka.Header) kafka.Message {
		return kafka.Message{Key: []byte(h.Advertiser), Value: []byte(event(h.Advertiser, "new_contact", "call", id)), Headers: append(more,
			kafka.Header{Key: "leadhook.webhook", Value: []byte(h.ID)},
			kafka.Header{Key: "leadhook.delivery", Value: []byte(deliveryID(h.Advertiser, fmt.Sprint(id), "new_contact", h.ID))},
			kafka.Header{Key: "leadhook.reason", Value: []byte("expired")}, kafka.Header{Key: "leadhook.step", Value: []byte("9")},
			kafka.Header{Key: "leadhook.first-attempt", Value: []byte("2026-01-01T00:00:00.000Z")},
			kafka.Header{Key: "leadhook.first-deferral", Value: []byte("2026-01-01T00:00:00.000Z")})}
	}
	r.putTo(r.topic+".dlq", 1, old(1), old(2, kafka.Header{Key: "leadhook.replays", Value: []byte("4094")}),
		old(3, kafka.Header{Key: "leadhook.format", Value: []byte("2")}))
	r.run()
	if got := r.must("", "dlq", "replay", "--all"); !containsAll(got, "replayed 1 dead letter\n", "1 not replayable: replayed_4094_times",
		"1 not replayable: of_a_later_version") {
		t.Errorf("got %s", got)
	}
	r.until("it arrives", func() bool { return len(r.crm.Counts()) == 1 })
	if got := r.buried(); got != 3 {
		t.Errorf("got %d dead letters, want no more than those three", got)
	}
}

func TestADeadLetterThatTheLedgerHasForgottenIsReplayedOnPurposeOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	h := r.hook("all", r.name("USA_1"))
	r.seed(h)
	letter := func(id int, age time.Duration) kafka.Message {
		return kafka.Message{
			Key: []byte(h.Advertiser), Value: []byte(event(h.Advertiser, "new_contact", "call", id)), Time: time.Now().Add(-age),
			Headers: []kafka.Header{{Key: "leadhook.webhook", Value: []byte(h.ID)}, {Key: "leadhook.reason", Value: []byte("refused")},
				{Key: "leadhook.delivery", Value: []byte(deliveryID(h.Advertiser, fmt.Sprint(id), "new_contact", h.ID))}},
		}
	}
	const day = 24 * time.Hour
	r.putTo(r.topic+".dlq", 0, letter(1, 41*day), letter(2, 39*day))
	if got := r.must("", "dlq", "replay", "--all"); !containsAll(got, "replayed 1 dead letter\n", "1 not replayable: beyond_ledger") {
		t.Errorf("got %s", got)
	}
	if got := r.must("", "dlq", "replay", "--all", "--beyond-ledger"); !containsAll(got, "replayed 1 dead letter\n", "1 passed over: replayed already") {
		t.Errorf("beyond the ledger: got %s", got)
	}
	if got := r.must("", "dlq", "replay", "--all"); !containsAll(got, "replayed 0 dead letters\n", "2 passed over: replayed already") {
		t.Errorf("again: got %s", got)
	}
}

func TestWithoutRedisDeadLettersAreListedAndNotReplayed(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	crm := &refusing{}
	r := newRig(t, setup{answer: crm.answer, redis: redis.url})
	h := r.hook("all", r.name("USA_1"))
	r.seed(h)
	r.publish(calls(h.Advertiser, 1, 2)...)
	service := r.run()
	r.until("both are dead", func() bool { return r.buried() == 2 })
	service.stop()
	redis.kill()
	for _, command := range []string{"list", "stats"} {
		got := r.leadhook("", "dlq", command)
		if got.code != exitDone || !containsAll(got.out, h.ID, "refused", "unknown") || !strings.Contains(got.errs, "redis.url") {
			t.Errorf("dlq %s: got exit code %d, want 0, the letters, and that Redis is away:\n%s%s", command, got.code, got.out, got.errs)
		}
	}
	got := r.leadhook("", "dlq", "replay", "--all")
	if got.code != exitFailed || !strings.Contains(got.errs, "redis.url") || r.retried() != 0 {
		t.Errorf("replay: got exit code %d, want 1, nothing sent, and that Redis is away:\n%s%s", got.code, got.out, got.errs)
	}
}

func TestDeadLettersAreCounted(t *testing.T) {
	t.Parallel()
	crm := &answers{}
	r := newRig(t, setup{answer: crm.answer})
	advertiser := r.name("USA_1")
	one, two, gone := r.hook("one", advertiser), r.hook("two", advertiser), r.hook("gone", advertiser)
	crm.on(one, answerOf(400))
	crm.on(two, answerOf(422))
	r.seed(one, two)
	r.publish(calls(advertiser, 1, 5)...)
	r.run()
	r.until("all are dead", func() bool { return r.buried() == 10 })
	two.URL = strings.Replace(two.URL, "127.0.0.1", "127.0.0.2", 1)
	r.seed(two)
	r.putTo(r.topic+".dlq", 0,
		kafka.Message{Value: []byte("hush"), Headers: []kafka.Header{{Key: "leadhook.reason", Value: []byte("not_json")}}},
		kafka.Message{Value: []byte("{}"), Headers: []kafka.Header{{Key: "leadhook.reason", Value: []byte("refused")},
			{Key: "leadhook.advertiser", Value: []byte(advertiser)}, {Key: "leadhook.webhook", Value: []byte(gone.ID)}}})

	var got struct {
		Letters int
		Reasons []struct {
			Reason  string
			Letters int
		}
		Webhooks []struct {
			Webhook, Advertiser string
			Letters             int
		}
		Hosts []struct {
			Host    string
			Letters int
		}
	}
	if err := json.Unmarshal([]byte(r.must("", "dlq", "stats", "--output", "json")), &got); err != nil {
		t.Fatal(err)
	}
	shape := fmt.Sprint(got)
	want := fmt.Sprintf("{12 [{refused 11} {not_json 1}] [{%s %s 5} {%s %s 5} {  1} {%s %s 1}] [{%s 5} {%s 5} {unknown 1}]}",
		one.ID, advertiser, two.ID, advertiser, gone.ID, advertiser, r.crmAddr, strings.Replace(r.crmAddr, "127.0.0.1", "127.0.0.2", 1))
	if shape != want {
		t.Errorf("got  %s\nwant %s", shape, want)
	}
	text := r.must("", "dlq", "stats", "--reason", "refused,gone", "--top", "1")
	if !containsAll(text, "11 dead letters, from ", "\nREASON", "\nWEBHOOK", "\nHOST", "and 2 webhooks more (--top)", "and 2 hosts more (--top)") {
		t.Errorf("got\n%s", text)
	}
	if got := r.must("", "dlq", "stats", "--until", "2026-01-01"); got != "0 dead letters\n" {
		t.Errorf("before all: got %q", got)
	}
}

func TestADeadLetterIsShownWithoutPersonalData(t *testing.T) {
	t.Parallel()
	r, _, h := dead(t, 1)
	r.put(kafka.Message{Key: []byte(h.Advertiser), Value: []byte("hush\x1b[31m\xff"), Headers: []kafka.Header{{Key: malformedHeader, Value: []byte("text")}}})
	r.until("both are dead", func() bool { return r.buried() == 2 })
	lead := r.list("--webhook", h.ID)[0]
	place := fmt.Sprintf("%d/%d", lead.Partition, lead.Offset)

	for _, of := range []string{place, lead.Delivery} {
		got := r.must("", "dlq", "show", of)
		if !containsAll(got, "letter ", place, h.Advertiser, h.ID, lead.Delivery, "refused", "422", "answered", "dead: not replayed",
			`"advertiser_id": "`+h.Advertiser+`"`, `"trigger": "new_contact"`, `"event_type": "call"`, `"id": 1`, `"first_name": "***"`) {
			t.Errorf("show %s: got\n%s", of, got)
		}
		if strings.Contains(got, "Ada") {
			t.Errorf("show %s: the name shows", of)
		}
	}
	if got := r.must("", "dlq", "show", place, "--show-data"); !strings.Contains(got, `"first_name": "Ada"`) {
		t.Errorf("with --show-data: got\n%s", got)
	}
	if got := r.must("", "dlq", "show", place, "--output", "json"); !json.Valid([]byte(got)) || !containsAll(got, `"masked":true`, `"first_name":"***"`, `"now":"dead"`) {
		t.Errorf("as JSON: got\n%s", got)
	}
	bad := r.list("--reason", "bad_utf8")[0]
	place = fmt.Sprintf("%d/%d", bad.Partition, bad.Offset)
	if got := r.must("", "dlq", "show", place); strings.Contains(got, "hush") || !strings.Contains(got, "--show-data shows its bytes") {
		t.Errorf("what is no event: got\n%s", got)
	}
	if got := r.must("", "dlq", "show", place, "--show-data"); !strings.Contains(got, `"hush\x1b[31m\xff"`) {
		t.Errorf("what is no event, with --show-data: got\n%s", got)
	}
	if got := r.leadhook("", "dlq", "show", "3/99"); got.code != exitFailed || !strings.Contains(got.errs, "there is no dead letter 3/99") {
		t.Errorf("what is not there: got %+v", got)
	}
	if got := r.leadhook("", "dlq", "show", "dlv_0"); got.code != exitFailed || !strings.Contains(got.errs, "dlv_0") {
		t.Errorf("what is not there: got %+v", got)
	}
}

func TestDeadLettersAreFiltered(t *testing.T) {
	t.Parallel()
	crm := &answers{}
	r := newRig(t, setup{answer: crm.answer})
	one, two := r.hook("one", r.name("USA_1")), r.hook("two", r.name("USA_2"))
	crm.on(one, answerOf(400))
	crm.on(two, answerOf(422))
	r.seed(one, two)
	r.publish(append(calls(one.Advertiser, 1, 2), calls(two.Advertiser, 3, 2)...)...)
	r.run()
	r.until("all are dead", func() bool { return r.buried() == 4 })
	for args, want := range map[string][]string{
		"--webhook " + one.ID:            {"1", "2"},
		"--advertiser " + two.Advertiser: {"3", "4"},
		"--status 400":                   {"1", "2"},
		"--status 42x --reason refused":  {"3", "4"},
		"--status 422,500":               {"3", "4"},
		"--status none":                  nil,
		"--reason exhausted,gone":        nil,
		"--grep ANSWERED":                {"1", "2", "3", "4"},
		"--grep 422":                     {"3", "4"},
		"--since 1h":                     {"1", "2", "3", "4"},
		"--since 2026-01-01T00:00":       {"1", "2", "3", "4"},
		"--until 2026-01-01T00:00:00Z":   nil,
		"--delivery " + deliveryID(one.Advertiser, "2", "new_contact", one.ID): {"2"},
	} {
		var got []string
		for _, l := range r.list(strings.Fields(args)...) {
			got = append(got, l.LeadID)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("dlq list %s: want (-), got (+):\n%s", args, diff)
		}
	}
}
