package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap/zaptest"

	"github.com/leadhook/leadhook/deadletter"
	"github.com/leadhook/leadhook/lead"
)

// many buries n letters in one request, with numbers from first on, one a
// second; the header function says what else each has.
func (r *rig) many(t testing.TB, topic string, partition, first, n int, headers func(i int) []kafka.Header) {
	t.Helper()
	records := make([]kafka.Record, n)
	for i := range records {
		records[i] = kafka.Record{
			Time: second(first + i),
			Value: kafka.NewBytes(fmt.Appendf(nil,
				`{"advertiser_id":"USA_1","trigger":"new_contact","lead":{"id":%d,"event_type":"call"}}`, first+i)),
			Headers: []kafka.Header{{Key: "leadhook.attempts", Value: fmt.Append(nil, first+i)}},
		}
		if headers != nil {
			records[i].Headers = append(records[i].Headers, headers(first+i)...)
		}
	}
	res, err := r.Client.Produce(t.Context(), &kafka.ProduceRequest{
		Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
	})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A second is a time of yesterday: Kafka deletes records whose own time is older
// than the retention of their topic.
func second(n int) time.Time { return yesterday.Add(time.Duration(n) * time.Second) }

var yesterday = time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour)

func (r *rig) deadLetters(t testing.TB, topic string) *deadletter.Reader {
	return deadletter.NewReader(r.Client, topic, zaptest.NewLogger(t))
}

// ended is what a letter of number i has: every tenth was refused by webhook
// "seldom" with 400, the others are exhausted.
func ended(i int) []kafka.Header {
	reason, status, webhook, text := "exhausted", "503", "often", "the CRM answered 503"
	if i%10 == 0 {
		reason, status, webhook, text = "refused", "400", "seldom", "the CRM answered 400: Refused for good"
	}
	if i%100 == 50 {
		status, text = "", "no answer in time"
	}
	return []kafka.Header{
		{Key: "leadhook.reason", Value: []byte(reason)}, {Key: "leadhook.status", Value: []byte(status)},
		{Key: "leadhook.webhook", Value: []byte(webhook)}, {Key: "leadhook.error", Value: []byte(text)},
		{Key: "leadhook.advertiser", Value: []byte("USA_" + strconv.Itoa(i%7))},
		{Key: "leadhook.delivery", Value: []byte("dlv_" + strconv.Itoa(i))},
	}
}

func TestFilters(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 3)
	const each = 400
	for first := 0; first < 3*each; first += 100 {
		r.many(t, topic, first/each, first, 100, ended)
	}
	reader := r.deadLetters(t, topic)
	for name, c := range map[string]struct {
		filter deadletter.Filter
		wants  func(i int) bool
	}{
		"all":            {deadletter.Filter{}, func(int) bool { return true }},
		"webhook":        {deadletter.Filter{Webhook: "seldom"}, func(i int) bool { return i%10 == 0 }},
		"advertiser":     {deadletter.Filter{Advertiser: "USA_3"}, func(i int) bool { return i%7 == 3 }},
		"delivery":       {deadletter.Filter{Delivery: "dlv_17"}, func(i int) bool { return i == 17 }},
		"reasons":        {deadletter.Filter{Reasons: []lead.Reason{lead.Gone, lead.Refused}}, func(i int) bool { return i%10 == 0 }},
		"statuses":       {deadletter.Filter{Statuses: []deadletter.Statuses{{400, 499}}}, func(i int) bool { return i%10 == 0 && i%100 != 50 }},
		"no answer":      {deadletter.Filter{Statuses: []deadletter.Statuses{{0, 0}}}, func(i int) bool { return i%100 == 50 }},
		"text":           {deadletter.Filter{Text: "for GOOD"}, func(i int) bool { return i%10 == 0 && i%100 != 50 }},
		"text in reason": {deadletter.Filter{Text: "exhaust"}, func(i int) bool { return i%10 != 0 }},
		"none":           {deadletter.Filter{Webhook: "never"}, func(int) bool { return false }},
		"times":          {deadletter.Filter{Since: second(300), Until: second(900)}, func(i int) bool { return i >= 300 && i < 900 }},
		"after all":      {deadletter.Filter{Since: second(3 * each)}, func(int) bool { return false }},
		"before all":     {deadletter.Filter{Until: second(0)}, func(int) bool { return false }},
		"together": {deadletter.Filter{Webhook: "seldom", Advertiser: "USA_3", Since: second(100)},
			func(i int) bool { return i >= 100 && i%10 == 0 && i%7 == 3 }},
	} {
		t.Run(name, func(t *testing.T) {
			want := []int{}
			for i := 3*each - 1; i >= 0; i-- {
				if c.wants(i) {
					want = append(want, i)
				}
			}
			for _, n := range []int{3, 3 * each} {
				letters, err := reader.List(within(t), c.filter, n)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want[:min(n, len(want))], numbers(letters)); diff != "" {
					t.Errorf("the newest %d, -want +got:\n%s", n, diff)
				}
			}
			slices.Sort(want)
			got := []int{}
			selection, err := reader.Select(within(t), c.filter)
			if err != nil {
				t.Fatal(err)
			}
			err = selection.Each(within(t), false, func(l *deadletter.Letter) error {
				got = append(got, l.Attempts)
				return nil
			})
			slices.Sort(got)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("each: %v, -want +got:\n%s", err, diff)
			}
		})
	}
}

// TestASeldomLetterIsFoundWithoutReadingAll wants what only one partition has,
// near its end.
func TestASeldomLetterIsFoundWithoutReadingAll(t *testing.T) {
	r := newFake(t)
	topic := r.Topic(t, 2)
	const each = 10_000
	for first := 0; first < each; first += 100 {
		r.many(t, topic, 0, first, 100, ended)
		r.many(t, topic, 1, first, 100, nil)
	}
	reader := r.deadLetters(t, topic)
	var read atomic.Int64
	reader.Progress = func(done, of int64) {
		if of != 2*each {
			t.Errorf("told of %d, want %d", of, 2*each)
		}
		read.Store(max(read.Load(), done))
	}
	letters, err := reader.List(within(t), deadletter.Filter{Webhook: "seldom"}, 30)
	if err != nil || len(letters) != 30 {
		t.Fatalf("got %d letters, %v, want 30", len(letters), err)
	}
	if got := read.Load(); got > 5000 {
		t.Errorf("read %d offsets for 30 letters among the newest 300 of one partition, want some thousand at most", got)
	}
}

func TestSinceBoundsWhatIsRead(t *testing.T) {
	r := newFake(t)
	topic := r.Topic(t, 1)
	for first := 0; first < 2000; first += 10 {
		r.many(t, topic, 0, first, 10, nil)
	}
	var first atomic.Int64
	first.Store(2000)
	r.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1, When: func(req kmsg.Request) bool {
		first.Store(min(first.Load(), req.(*kmsg.FetchRequest).Topics[0].Partitions[0].FetchOffset))
		return true
	}})
	letters, err := r.deadLetters(t, topic).List(within(t), deadletter.Filter{Webhook: "never", Since: second(1900)}, 1)
	if err != nil || len(letters) != 0 {
		t.Fatalf("got %v, %v, want none", letters, err)
	}
	if got := first.Load(); got != 1900 {
		t.Errorf("read from offset %d on, want 1900, the first since then", got)
	}
}

func TestASelectionDoesNotGrow(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 2)
	r.many(t, topic, 0, 0, 50, nil)
	selection, err := r.deadLetters(t, topic).Select(within(t), deadletter.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	r.many(t, topic, 0, 50, 50, nil)
	r.many(t, topic, 1, 100, 50, nil)
	for range 2 {
		var got []string
		err := selection.Each(within(t), true, func(l *deadletter.Letter) error {
			if !strings.Contains(string(l.Message.Value), `"id":`+l.LeadID) {
				t.Errorf("letter %d has the event %s and the lead id %q", l.Attempts, l.Message.Value, l.LeadID)
			}
			got = append(got, l.LeadID)
			return nil
		})
		if err != nil || len(got) != 50 || got[49] != "49" {
			t.Errorf("got %v, %v, want the fifty in order", got, err)
		}
	}
}

func TestEachEndsWithItsVisitor(t *testing.T) {
	r := newRig(t)
	topic := r.Topic(t, 4)
	for p := range 4 {
		r.many(t, topic, p, 1000*p, 1000, nil)
	}
	selection, err := r.deadLetters(t, topic).Select(within(t), deadletter.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	enough, visits := errors.New("enough"), 0
	err = selection.Each(within(t), false, func(*deadletter.Letter) error {
		if visits++; visits == 10 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || visits != 10 {
		t.Errorf("got %v after %d visits, want the visitor's error after 10", err, visits)
	}
	ctx, cancel := context.WithCancelCause(within(t))
	err = selection.Each(ctx, false, func(*deadletter.Letter) error {
		cancel(enough)
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("got %v, want the cause of the end of its context", err)
	}
}

func TestGet(t *testing.T) {
	r := newFake(t)
	topic := r.Topic(t, 2)
	r.many(t, topic, 1, 0, 30, ended)
	r.deleteBefore(t, topic, 1, 5)
	reader := r.deadLetters(t, topic)
	got, err := reader.Get(within(t), 1, 17)
	if err != nil || got.Delivery != "dlv_17" || got.LeadID != "17" || !strings.Contains(string(got.Message.Value), `"id":17`) {
		t.Errorf("got %+v, %v, want letter 17 with its event", got, err)
	}
	for name, c := range map[string]struct {
		partition int
		offset    int64
		want      string
	}{
		"deleted":      {1, 4, "from 5 to 29"},
		"not yet":      {1, 99, "from 5 to 29"},
		"empty":        {0, 0, "has none"},
		"no partition": {7, 0, "no partition 7"},
	} {
		if _, err := reader.Get(within(t), c.partition, c.offset); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}
