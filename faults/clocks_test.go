//go:build faults

package faults

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// These cases have clocks be wrong: those of producers and of the instances that publish to
// retry topics, whose records are stamped ahead by hand here.
//
// Debian's faketime cannot move the clock of an instance: it replaces functions of the C
// library, which a Go program does not call, linked statically or not. Linux has namespaces
// for the other clocks, but not for the time of day. So TestFullClockOfAnInstance builds a
// leadhook whose package time adds something to what the kernel says.

// ahead is by how much clocks are wrong.
var ahead = []time.Duration{time.Hour, 24 * time.Hour, 9 * 365 * 24 * time.Hour}

// TestStampedAhead has leads be stamped ahead in the live topic, and deliveries that wait in
// the retry topics: those are copied with stamps that are ahead, and some of them with a time
// nine years ahead, before which they must not be attempted. None may wait for longer than its
// topic has records wait, nor may those behind it.
func TestStampedAhead(t *testing.T) {
	const mostWait = 20 * time.Second // ten hops through topics of 1 and 3 s
	r := newRig(t, setup{environ: quickRetries})
	wrong, good := r.many("wrong", 20), r.many("good", 20)
	for _, h := range slices.Concat(wrong, good[:10]) {
		r.crm.behave(h.path(), status(http.StatusInternalServerError))
	}
	r.anyStamps(r.topics()...)
	r.runs(2)
	for _, by := range ahead {
		for range 20 {
			n := r.leads.Add(int64(len(wrong))) - int64(len(wrong)) + 1
			r.stamped(time.Now().Add(by), leads(n, len(wrong), wrong)...)
		}
	}
	r.publish(20*len(good), flow, good...)
	r.handled(time.Minute)
	copied := r.copiesAhead()
	r.publish(20*len(good), flow, good...)
	for _, h := range slices.Concat(wrong, good) {
		r.crm.behave(h.path(), takes)
	}
	end := time.Now()
	a := r.once(time.Minute)
	r.tolerates(mostWait, nil)
	late := max(a.recovered(end, good...), a.arrivedAfter(end, wrong...))
	if late > mostWait {
		r.fails("some waited for %v", late)
	}
	r.row("clocks: leads, and deliveries that wait, stamped ahead by an hour, a day and nine years", a, end,
		fmt.Sprintf("%d leads and %d waiting deliveries were; the last arrived %.1f s after the CRMs were well", 60*len(wrong), copied, late.Seconds()))
}

// arrivedAfter is how long after a moment the last lead of some webhooks arrived, whenever
// it says that it was published.
func (a *account) arrivedAfter(at time.Time, hooks ...*hook) (longest time.Duration) {
	for _, f := range a.flights {
		if slices.Contains(hooks, f.pair.hook) {
			longest = max(longest, f.delivered.Sub(at))
		}
	}
	return longest
}

// anyStamps has topics keep the stamps that producers give, whatever they are.
func (r *rig) anyStamps(topics ...string) {
	r.t.Helper()
	for _, topic := range topics {
		r.configure(topic, "message.timestamp.type", "CreateTime")
		r.configure(topic, "message.timestamp.after.max.ms", strconv.FormatInt(1<<63-1, 10))
	}
}

// stamped publishes leads with a stamp, each to the partition of its advertiser.
func (r *rig) stamped(at time.Time, messages ...kafka.Message) {
	r.t.Helper()
	for i := range messages {
		messages[i].Time = at
	}
	w := &kafka.Writer{Addr: kafka.TCP(servers.kafka.Addr()), Transport: r.kafka.Transport, Topic: r.topic, Balancer: &kafka.Hash{},
		RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond}
	defer w.Close()
	if err := w.WriteMessages(r.t.Context(), messages...); err != nil {
		r.t.Fatal(err)
	}
}

// copiesAhead copies what waits in the retry topics, to the same partitions, as instances
// would have written it whose clocks are ahead.
func (r *rig) copiesAhead() (copied int) {
	r.t.Helper()
	committed := r.committed(r.retryTopics()...)
	for _, topic := range r.retryTopics() {
		var copies []kafka.Message
		r.read(topic, func(m *kafka.Message) {
			if m.Offset < committed[topic][m.Partition] {
				return
			}
			by := ahead[copied%len(ahead)]
			copied++
			c := kafka.Message{Partition: m.Partition, Key: m.Key, Value: m.Value, Time: m.Time.Add(by)}
			for _, h := range m.Headers {
				if h.Key == "leadhook.not-before" && by == ahead[2] { // less is believed: a CRM may ask for a day of patience
					h.Value = time.Now().Add(by).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z")
				}
				c.Headers = append(c.Headers, h)
			}
			copies = append(copies, c)
		})
		r.writeTo(topic, copies)
	}
	return copied
}
