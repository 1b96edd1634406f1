//go:build faults

package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"
)

// These cases have leads be read again that were delivered before, by whatever way: nothing
// may come twice.

// TestOneEventInTwoPartitions publishes each event to two partitions at once, which mostly
// belong to two instances, for CRMs that take some seconds: both have it at the same time.
func TestOneEventInTwoPartitions(t *testing.T) {
	oneEventInTwoPartitions(newRig(t, setup{environ: quickKills}))
}

func oneEventInTwoPartitions(r *rig) {
	hooks := r.many("crm", 50)
	r.crm.usually(within(500*time.Millisecond, 2*time.Second))
	r.runs(2)
	n := either(1000, 200)
	var both []kafka.Message
	for _, m := range leads(r.leads.Add(int64(n))-int64(n)+1, n, hooks) {
		m.Time = time.Now()
		m.Partition = r.rand.IntN(r.partitions)
		both = append(both, m)
		m.Partition = (m.Partition + 1 + r.rand.IntN(r.partitions-1)) % r.partitions
		both = append(both, m)
	}
	r.writeTo(r.topic, both)
	end := time.Now()
	a := r.once(2 * time.Minute)
	if a.repeats != n {
		r.fails("got %d repeats in the live topic, want %d", a.repeats, n)
	}
	r.tolerates(45*time.Second, nil)
	r.row("event: each in two partitions, two instances, CRMs that take up to 2 s", a, end, fmt.Sprintf("%d POSTs for %d records", a.posts, 2*n))
}

// agedLeads is how many leads are old, and how many are new.
const agedLeads = 300

// ages has leads be delivered that are three hours old, the ledger forget them, and then new
// ones be delivered.
func (r *rig) ages(hooks []*hook) {
	r.t.Helper()
	r.stamped(time.Now().Add(-3*time.Hour), leads(r.leads.Add(agedLeads)-agedLeads+1, agedLeads, hooks)...)
	r.once(time.Minute)
	r.forgetDelivered()
	r.publish(agedLeads, 0, hooks...)
	r.once(time.Minute)
}

// forgetDelivered has the ledger's marks of what was delivered expire at once: they lie in
// keys for periods of 12 hours, which no setting changes.
func (r *rig) forgetDelivered() {
	r.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: servers.redis.Addr()})
	defer client.Close()
	ctx := context.WithoutCancel(r.t.Context())
	n := 0
	for keys := client.Scan(ctx, 0, "*:delivered:*", 1000).Iterator(); keys.Next(ctx); n++ {
		if err := client.Del(ctx, keys.Val()).Err(); err != nil {
			r.t.Fatal(err)
		}
	}
	if n == 0 {
		r.t.Fatal("the ledger has no keys of what was delivered")
	}
}

// agedAndStopped has two instances deliver leads, the ledger forget the older ones, and the
// instances stop.
func (r *rig) agedAndStopped() []*hook {
	r.t.Helper()
	hooks := r.many("crm", advertisers)
	instances := r.runs(2)
	r.ages(hooks)
	for _, i := range instances {
		i.stop()
	}
	return hooks
}

// TestAnotherGroup has a new consumer group read the topics: it must begin where the one
// before had got to, less an hour, and not with the first record.
func TestAnotherGroup(t *testing.T) {
	r := newRig(t, setup{})
	hooks := r.agedAndStopped()
	r.group += "-renamed"
	r.environ = append(r.environ, "LEADHOOK_KAFKA_GROUP="+r.group)
	r.publish(agedLeads, 0, hooks...)
	end := time.Now()
	r.runs(2)
	r.row("ledger: another consumer group; the marks of what is older than an hour are gone", r.once(time.Minute), end, "")
}

// TestOffsetsBeyondTheEnd commits offsets that the log does not have, as after an unclean
// leader election: the log must be read from an hour before what was settled last.
func TestOffsetsBeyondTheEnd(t *testing.T) {
	r := newRig(t, setup{})
	hooks := r.agedAndStopped()
	beyond := r.commitsBeyond(1)
	end := time.Now()
	r.runs(2)
	r.until(time.Minute, "the offsets are those of the log again", func() bool {
		committed, ends := r.committed(r.topic), r.ends(r.topic)
		for p, end := range ends {
			if committed == nil || committed[r.topic][p] > end {
				return false
			}
		}
		return len(ends) == r.partitions
	})
	took := time.Since(end)
	r.publish(agedLeads, 0, hooks...)
	r.row(fmt.Sprintf("ledger: offsets one beyond the end of %d partitions; the marks of what is older than an hour are gone", beyond),
		r.once(time.Minute), time.Time{}, fmt.Sprintf("read again after %.1f s", took.Seconds()))
}

// commitsBeyond commits the offset that is so far beyond the end of each partition of the live
// topic, with the note that the service left there. The group must have no members.
func (r *rig) commitsBeyond(by int64) (partitions int) {
	r.t.Helper()
	ctx := r.t.Context()
	asked := &kafka.OffsetFetchRequest{GroupID: r.group, Topics: map[string][]int{}}
	for p := range r.partitions {
		asked.Topics[r.topic] = append(asked.Topics[r.topic], p)
	}
	fetched, err := r.kafka.OffsetFetch(ctx, asked)
	if err != nil {
		r.t.Fatal(err)
	}
	commit := &kafka.OffsetCommitRequest{GroupID: r.group, GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{}}
	for _, p := range fetched.Topics[r.topic] {
		note := map[string]any{}
		if err := json.Unmarshal([]byte(p.Metadata), &note); err != nil {
			r.t.Fatalf("what was committed for partition %d has the note %q: %v", p.Partition, p.Metadata, err)
		}
		note["offset"] = p.CommittedOffset + by
		text, _ := json.Marshal(note)
		commit.Topics[r.topic] = append(commit.Topics[r.topic], kafka.OffsetCommit{Partition: p.Partition, Offset: p.CommittedOffset + by, Metadata: string(text)})
	}
	res, err := r.kafka.OffsetCommit(ctx, commit)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, p := range res.Topics[r.topic] {
		if p.Error != nil {
			r.t.Fatal(p.Error)
		}
	}
	return len(commit.Topics[r.topic])
}

// TestFullPartitionThatCannotCommit has one event be stuck in its partition for longer than
// half of what the ledger remembers, which is a minute here: what is behind it goes on, and
// then the partition is read no further. In the other half somebody corrects the cause and
// restarts the instance, which reads again what was delivered behind the event.
func TestFullPartitionThatCannotCommit(t *testing.T) {
	const remembered = time.Minute // the shortest that there is
	r := newRig(t, setup{environ: append(slices.Clone(quickRetries), "LEADHOOK_LEDGER_RETENTION="+remembered.String())})
	hooks, stuck := r.many("crm", advertisers), r.many("stuck", 1)[0]
	r.crm.behave(stuck.path(), status(http.StatusBadRequest))
	i := r.runs(1)[0]
	refusing := append(r.retryTopics(), r.deadLetters())
	for _, topic := range refusing {
		r.largest(topic, 500)
	}
	began := time.Now()
	r.publish(1, 0, stuck)
	r.publish(agedLeads, 0, hooks...)
	r.until(time.Minute, "what is behind it is delivered", func() bool { return r.crm.deliveries() == agedLeads })
	time.Sleep(time.Until(began.Add(remembered/2 + 5*time.Second)))
	r.notReady(i)
	r.publish(agedLeads, 0, hooks...)
	r.until(time.Minute, "the other partitions go on", func() bool { return r.crm.deliveries() > agedLeads+agedLeads/2 })
	time.Sleep(5 * time.Second)
	held := 2*agedLeads - r.crm.deliveries()
	if held == 0 {
		r.fails("the partition was read further")
	}
	i.stop()
	for _, topic := range refusing {
		r.largest(topic, 2<<20)
	}
	end := time.Now()
	r.run()
	a := r.settled(time.Minute)
	if a.dead != 1 || a.delivered != a.wanted-1 || len(a.twice) > 0 {
		r.fails("want one dead letter, and all others delivered once, got %v", a)
	}
	r.row(fmt.Sprintf("ledger: a partition that cannot commit for %v of the %v that the ledger remembers, corrected and restarted",
		remembered/2, remembered), a, end, fmt.Sprintf("%d leads were not read until then", held))
}
