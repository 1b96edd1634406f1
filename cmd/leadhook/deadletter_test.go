package main

import (
	"bytes"
	"fmt"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"github.com/leadhook/leadhook/internal/realstack"
	"github.com/leadhook/leadhook/internal/samplecrm"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/topic"
)

// malformed are events of every kind that is refused, by name, with the
// reason. %s stands for the advertiser. All say "hush" where they could be
// quoted.
var malformed = map[string]struct{ value, reason string }{
	"empty":                      {``, "not_json"},
	"text":                       {`hush`, "not_json"},
	"cut off":                    {`{"advertiser_id":"%s","trigger":"new_contact","lead":{"id":1,"notes":"hush`, "not_json"},
	"an array":                   {`[{"advertiser_id":"%s","hush":1}]`, "not_json"},
	"two documents":              {`{"hush":1}{}`, "not_json"},
	"not UTF-8":                  {"{\"advertiser_id\":\"%s\",\"hush\":\"\xff\xfe\"}", "bad_utf8"},
	"no advertiser":              {`{"trigger":"new_contact","lead":{"id":1,"event_type":"call","notes":"hush"}}`, "no_advertiser"},
	"advertiser null":            {`{"advertiser_id":null,"trigger":"new_contact","lead":{"id":1,"event_type":"hush"}}`, "no_advertiser"},
	"advertiser too long":        {`{"advertiser_id":"%[1]s%[1]s%[1]s%[1]s%[1]s","trigger":"new_contact","lead":{"id":1,"event_type":"call"}}`, "no_advertiser"},
	"no trigger":                 {`{"advertiser_id":"%s","lead":{"id":1,"event_type":"call"}}`, "bad_trigger"},
	"unknown trigger":            {`{"advertiser_id":"%s","trigger":"hush","lead":{"id":1,"event_type":"call"}}`, "bad_trigger"},
	"no lead":                    {`{"advertiser_id":"%s","trigger":"new_contact"}`, "bad_lead_id"},
	"no lead id":                 {`{"advertiser_id":"%s","trigger":"new_contact","lead":{"event_type":"call"}}`, "bad_lead_id"},
	"lead id in words":           {`{"advertiser_id":"%s","trigger":"new_contact","lead":{"id":"hush","event_type":"call"}}`, "bad_lead_id"},
	"lead id zero":               {`{"advertiser_id":"%s","trigger":"new_contact","lead":{"id":0,"event_type":"call"}}`, "bad_lead_id"},
	"lead id of 21 digits":       {`{"advertiser_id":"%s","trigger":"new_contact","lead":{"id":123456789012345678901,"event_type":"call"}}`, "bad_lead_id"},
	"no event type":              {`{"advertiser_id":"%s","trigger":"new_contact","lead":{"id":1,"notes":"hush"}}`, "no_event_type"},
	"advertiser twice":           {`{"advertiser_id":"%s","advertiser_id":"hush","trigger":"new_contact","lead":{"id":1,"event_type":"call"}}`, "ambiguous_field"},
	"advertiser in another case": {`{"advertiser_id":"%s","Advertiser_ID":"hush","trigger":"new_contact","lead":{"id":1,"event_type":"call"}}`, "ambiguous_field"},
	"lead id in another case":    {`{"advertiser_id":"%s","trigger":"new_contact","lead":{"id":1,"ID":2,"event_type":"call"}}`, "ambiguous_field"},
	"too large":                  {`{"advertiser_id":"%s","trigger":"new_contact","lead":{"id":1,"event_type":"call","notes":"hush` + strings.Repeat(".", 40_000) + `"}}`, "too_large"},
}

func TestMalformedEventsBecomeDeadLettersAndTheOthersArrive(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{environ: []string{"LEADHOOK_KAFKA_MAX_EVENT_BYTES=32KiB"}})
	advertiser := r.name("USA_1")
	r.seed(r.hook("all", advertiser))
	id := 0
	good := func(n int) (records []kafka.Message) {
		for range n {
			id++
			records = append(records, kafka.Message{Key: []byte(advertiser), Value: []byte(event(advertiser, "new_contact", "call", id))})
		}
		return records
	}
	records, want := good(3), map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(malformed)) {
		value, _, _ := strings.Cut(fmt.Sprintf(malformed[name].value+"%.0s", advertiser, ""), "%!")
		want[name] = malformed[name].reason + " " + value
		records = append(records, kafka.Message{
			Key: []byte(advertiser), Value: []byte(value), Headers: []kafka.Header{{Key: malformedHeader, Value: []byte(name)}},
		})
		records = append(records, good(3)...)
	}
	r.put(records...)
	i := r.run()
	r.exactly(id)
	got := map[string]string{}
	for _, m := range r.letters() {
		got[header(m, malformedHeader)] = header(m, "leadhook.reason") + " " + string(m.Value)
		checkLetter(t, r, m)
		if !bytes.Equal(m.Key, []byte(advertiser)) {
			t.Errorf("%s: got key %q, want that of the event", header(m, malformedHeader), m.Key)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if strings.Contains(i.log.String(), "hush") {
		t.Error("the log quotes an event")
	}
}

// checkLetter checks what every dead letter must have.
func checkLetter(t *testing.T, r *rig, m kafka.Message) {
	t.Helper()
	for _, h := range m.Headers {
		if !utf8.Valid(h.Value) || strings.Contains(string(h.Value), "hush") {
			t.Errorf("header %s is %q, want readable text that quotes nothing", h.Key, h.Value)
		}
	}
	place := fmt.Sprintf("%s/%d/", r.topic, m.Partition)
	if got := header(m, "leadhook.source"); !strings.HasPrefix(got, place) {
		t.Errorf("dead letter in partition %d has the source %q, want one in that partition of %s", m.Partition, got, r.topic)
	}
	if header(m, "leadhook.error") == "" {
		t.Errorf("dead letter from %s says no error", header(m, "leadhook.source"))
	}
}

// answers is a CRM that answers each path as told, and counts.
type answers struct {
	mu   sync.Mutex
	with map[string][]samplecrm.Answer // guarded by mu; by path, the last one for ever
}

func (a *answers) answer(post samplecrm.Post) samplecrm.Answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	of := a.with[post.Path]
	if len(of) == 0 {
		return samplecrm.Answer{}
	}
	if len(of) > 1 {
		a.with[post.Path] = of[1:]
	}
	return of[0]
}

func (a *answers) on(h hook, with ...samplecrm.Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.with == nil {
		a.with = map[string][]samplecrm.Answer{}
	}
	a.with["/"+h.ID] = with
}

func answerOf(status int) samplecrm.Answer { return samplecrm.Answer{Status: status} }

func TestAPassingFailureIsTriedAgainWithinSeconds(t *testing.T) {
	t.Parallel()
	crm := &answers{}
	r := newRig(t, setup{answer: crm.answer})
	advertiser := r.name("USA_1")
	h := r.hook("shaky", advertiser)
	r.seed(h)
	crm.on(h, samplecrm.Answer{Status: 500}, samplecrm.Answer{Status: 500}, samplecrm.Answer{})
	r.publish(calls(advertiser, 1, 1)...)
	r.run()
	if got, want := r.settled(), (account{events: 1, wanted: 1, taken: 1, failed: 2}); got != want {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	posts := r.crm.Posts()
	if len(posts) != 3 {
		t.Fatalf("got %d attempts, want 3", len(posts))
	}
	for n, post := range posts {
		if attempt := post.Header.Get("Webhook-Attempt"); attempt != strconv.Itoa(n+1) || !bytes.Equal(post.Body, posts[0].Body) {
			t.Errorf("POST %d says attempt %s, want %d, with the body of the first", n+1, attempt, n+1)
		}
	}
}

var instant = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)

// TestWhatACRMDoesNotTakeIsADeadLetter has a webhook for each way not to take
// a lead. All are of one advertiser, so that a lead goes to each of them, and
// one of them is sound.
func TestWhatACRMDoesNotTakeIsADeadLetter(t *testing.T) {
	t.Parallel()
	crm := &answers{}
	r := newRig(t, setup{answer: crm.answer, environ: []string{"LEADHOOK_RETRY_QUICK_ATTEMPTS=2",
		"LEADHOOK_HTTP_TIMEOUT=500ms", "LEADHOOK_HTTP_CONNECT_TIMEOUT=400ms"}})
	advertiser := r.name("USA_1")
	type ending struct{ reason, status, attempts, evidence string }
	want := map[string]ending{}
	hooks := []hook{r.hook("sound", advertiser)}
	add := func(id string, e ending, change func(*hook), with ...samplecrm.Answer) {
		h := r.hook(id, advertiser)
		change(&h)
		crm.on(h, with...)
		hooks, want[h.ID] = append(hooks, h), e
	}
	same := func(*hook) {}
	add("unavailable", ending{"exhausted", "503", "4", "answered"}, same, samplecrm.Answer{Status: 503})
	add("too-many", ending{"exhausted", "429", "2", "answered"}, same, samplecrm.Answer{Status: 429, Header: http.Header{"Retry-After": {"1"}}})
	add("wrong-token", ending{"exhausted", "401", "2", "answered"}, same, samplecrm.Answer{Status: 401})
	add("bad-request", ending{"refused", "400", "1", "answered"}, same, samplecrm.Answer{Status: 400, Body: "The field postal is required"})
	add("gone", ending{"gone", "410", "1", "answered"}, same, samplecrm.Answer{Status: 410})
	add("moved", ending{"refused", "302", "1", "answered"}, same,
		samplecrm.Answer{Status: 302, Header: http.Header{"Location": {r.crm.URL() + "/elsewhere"}}})
	add("nobody-there", ending{"exhausted", "", "4", "not_sent"}, func(h *hook) { h.URL = "http://" + closedPort(t, r) + "/?token=hush" })
	add("never-answers", ending{"exhausted", "", "2", "maybe_received"}, same, samplecrm.Answer{Never: true})
	r.seed(hooks...)

	r.publish(calls(advertiser, 1, 1)...)
	i := r.run()
	a := r.settled()
	if a.lost != 0 || a.unwanted != 0 || a.taken != 1 || a.dead != len(want) {
		t.Errorf("got %v, want 1 taken, %d dead, none lost or unwanted", a, len(want))
	}
	got := map[string]ending{}
	for _, m := range r.letters() {
		checkLetter(t, r, m)
		id := header(m, "leadhook.webhook")
		got[id] = ending{header(m, "leadhook.reason"), header(m, "leadhook.status"), header(m, "leadhook.attempts"), header(m, "leadhook.evidence")}
		checkDelivery(t, advertiser, id, m)
		if said := header(m, "leadhook.answer"); (said == "The field postal is required") != (got[id].status == "400") {
			t.Errorf("%s: the CRM is said to have said %q", id, said)
		}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(ending{})); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if strings.Contains(i.log.String(), "hush") || strings.Contains(i.log.String(), "postal") {
		t.Error("the log quotes an answer or a query")
	}
}

// checkDelivery checks what the dead letter of a delivery of lead 1 must have.
func checkDelivery(t *testing.T, advertiser, id string, m kafka.Message) {
	t.Helper()
	if string(m.Key) != advertiser || string(m.Value) != event(advertiser, "new_contact", "call", 1) {
		t.Errorf("%s: got key %q and value %q, want the advertiser and the event as published", id, m.Key, m.Value)
	}
	if got, want := header(m, "leadhook.delivery"), deliveryID(advertiser, "1", "new_contact", id); got != want {
		t.Errorf("%s: got delivery %s, want %s", id, got, want)
	}
	if got := header(m, "leadhook.advertiser"); got != advertiser {
		t.Errorf("%s: got advertiser %s, want %s", id, got, advertiser)
	}
	for _, name := range []string{"leadhook.received", "leadhook.first-attempt", "leadhook.last-attempt"} {
		if got := header(m, name); !instant.MatchString(got) {
			t.Errorf("%s: %s is %q, want an instant of UTC in milliseconds", id, name, got)
		}
	}
}

// closedPort is an address that refuses connections, on a port that the rig
// may call.
func closedPort(t *testing.T, r *rig) string {
	t.Helper()
	addr := realstack.FreeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	_, crm, _ := net.SplitHostPort(r.crm.Addr())
	r.environ = append(r.environ, "LEADHOOK_HTTP_ALLOW_PORTS="+crm+","+port)
	return addr
}

func TestAPrivateAddressIsNotCalled(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	advertiser := r.name("USA_1")
	h := r.hook("inside", advertiser)
	// A name, which only its look-up shows to be private.
	h.URL = strings.Replace(h.URL, "127.0.0.1", "localhost", 1)
	r.seed(h)
	r.publish(calls(advertiser, 1, 1)...)
	r.run("LEADHOOK_HTTP_ALLOW_CIDRS=")
	if got, want := r.settled(), (account{events: 1, wanted: 1, dead: 1}); got != want {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	for _, m := range r.letters() {
		checkLetter(t, r, m)
		if reason, text := header(m, "leadhook.reason"), header(m, "leadhook.error"); reason != "exhausted" || !strings.Contains(text, "allow_cidrs") {
			t.Errorf("got reason %s, error %q, want exhausted, and the setting that allows it", reason, text)
		}
	}
	h.URL = r.crm.URL() + "/literal"
	r.environ = append(r.environ, "LEADHOOK_HTTP_ALLOW_CIDRS=")
	got := r.leadhook(fmt.Sprintf(`{"webhooks":[{"id":"x","advertiser":"y","event":"new_contact","url":%q}]}`, h.URL), "seed", "-")
	if got.code != exitFailed || !strings.Contains(got.errs, "nothing was written") {
		t.Errorf("seeding a private address: got exit code %d and %q, want 1 and that nothing was written", got.code, got.errs)
	}
}

func TestADamagedWebhookStopsItselfAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	advertiser := r.name("USA_1")
	sound, damaged := r.hook("sound", advertiser), r.hook("damaged", advertiser)
	r.seed(sound, damaged)
	damage(t, r, damaged)
	r.publish(calls(advertiser, 1, 3)...)
	r.run()
	if got, want := r.settled(), (account{events: 3, wanted: 6, taken: 3, dead: 3}); got != want {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	for _, m := range r.letters() {
		if got := header(m, "leadhook.reason"); got != "webhook_damaged" {
			t.Errorf("got reason %s, want webhook_damaged", got)
		}
	}
	r.seed(sound, damaged)
	r.publish(calls(advertiser, 4, 1)...)
	if got := r.settled(); got.taken != 5 || got.dead != 3 {
		t.Errorf("after seeding again: got %v, want the fourth lead at both webhooks", got)
	}
}

// damage stores a webhook so that it cannot be used.
func damage(t *testing.T, r *rig, h hook) {
	t.Helper()
	r.store(h.Advertiser, func(list *entry.List) { list.Webhook(h.ID).URL = "ftp://nowhere" })
}

// store stores an advertiser's webhooks again, with a change that no command makes.
func (r *rig) store(advertiser string, change func(*entry.List)) {
	r.t.Helper()
	log, ctx := r.webhooks(), r.t.Context()
	epoch, err := log.Epoch(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	bases, err := log.Current(ctx, epoch, []string{advertiser})
	if err != nil {
		r.t.Fatal(err)
	}
	stored, err := entry.Parse(bases[advertiser].Value)
	if err != nil {
		r.t.Fatal(err)
	}
	list, err := entry.OpenList(log.Boxes, advertiser, &stored)
	if err != nil {
		r.t.Fatal(err)
	}
	change(list)
	next, err := entry.SealList(log.Boxes, advertiser, entry.Stamp{Epoch: epoch, Number: stored.Number + 1, Change: entry.NewID()}, list)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := log.Topic.Append(ctx, []topic.Record{{Key: advertiser, Value: next.Value()}}); err != nil {
		r.t.Fatal(err)
	}
}
