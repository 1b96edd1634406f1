package recovery_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/recovery"
)

// A change that is acknowledged after everything was read, and before the topic is
// deleted, is in Redis alone: the first try's copy of before must not win.
func TestWhatChangesWhileARecoveryBeginsIsKept(t *testing.T) {
	r := newRig(t)
	if err := r.seed("A", "a1"); err != nil {
		t.Fatal(err)
	}
	r.has("A", 1)
	again := r.recovery()
	again.Force = true
	again.Anew = func(ctx context.Context) error {
		if err := r.seed("A", "a2"); err != nil {
			t.Error(err)
		}
		r.has("A", 2)
		again.Anew = r.anew
		return r.anew(ctx)
	}
	if err := again.Run(r.within(30 * time.Second)); !errors.Is(err, recovery.ErrMoved) {
		t.Fatalf("got %v, want that it is to be run again", err)
	}
	if err := again.Run(r.within(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r.has("A", 2)
}

// Brokers learn of a topic after it was created, and whoever has asked for it in between
// remembers that there is none.
func TestBrokersLearnOfTheNewTopicLater(t *testing.T) {
	r := newRig(t)
	if err := r.seed("A", "a1"); err != nil {
		t.Fatal(err)
	}
	again := r.recovery()
	again.Force = true
	again.Anew = func(ctx context.Context) error {
		if _, err := r.kafka.Client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{r.name}}); err != nil {
			return err
		}
		if _, err := r.log.Topic.End(ctx); err == nil {
			t.Error("the topic is still there")
		}
		time.AfterFunc(300*time.Millisecond, func() {
			if err := r.anew(ctx); err != nil {
				t.Error(err)
			}
		})
		return nil
	}
	if err := again.Run(r.within(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r.has("A", 1)
}

// Who operates two services may recover them in the same directory.
func TestTheFileOfAnotherServiceIsRefused(t *testing.T) {
	r := newRig(t)
	if err := r.seed("A", "a1"); err != nil {
		t.Fatal(err)
	}
	first := r.recovery()
	first.Force = true
	first.Anew = func(context.Context) error { return errors.New("it ends here") }
	if err := first.Run(r.within(30 * time.Second)); err == nil {
		t.Fatal("the first recovery did not end with an error")
	}
	second := r.recovery()
	second.File, second.Of = first.File, "another/service"
	if err := second.Run(r.within(30 * time.Second)); err == nil || !strings.Contains(err.Error(), "a/service") {
		t.Errorf("got %v, want that the file is another service's", err)
	}
	first.Anew = r.anew
	if err := first.Run(r.within(30 * time.Second)); err != nil {
		t.Error(err)
	}
	r.has("A", 1)
}

// A process may be frozen while the topic is recovered, and go on where it was.
func TestARecoveredTopicReachesFurtherThanBefore(t *testing.T) {
	r := newRig(t)
	for _, id := range []string{"a1", "a2", "a3"} {
		if err := r.seed("A", id); err != nil {
			t.Fatal(err)
		}
	}
	epoch, err := r.log.Epoch(r.within(time.Second))
	if err == nil {
		err = r.log.Filled(r.within(time.Second), epoch)
	}
	if err != nil {
		t.Fatal(err)
	}
	before, err := r.log.Topic.End(r.within(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	again := r.recovery()
	again.Force = true
	if err := again.Run(r.within(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if end, err := r.log.Topic.End(r.within(time.Second)); err != nil || end <= before {
		t.Errorf("the topic ends at %d, %v, want more than %d", end, err, before)
	}
	r.has("A", 3)
	r.redis.FlushAll()
	r.has("A", 3)
}

// A broker that answers already may refuse nonetheless what is written: it has the old topic
// until it drops it, and the new one some moments later.
func TestWhatABrokerRefusesSinceItLearnsLaterIsWrittenAgain(t *testing.T) {
	for name, refused := range map[string]int{"the epoch": 1, "the webhooks": 2} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			if err := r.seed("A", "a1"); err != nil {
				t.Fatal(err)
			}
			again := r.recovery()
			again.Force = true
			again.Anew = func(ctx context.Context) error {
				r.refuse(refused)
				return r.anew(ctx)
			}
			if err := again.Run(r.within(time.Minute)); err != nil {
				t.Fatal(err)
			}
			r.has("A", 1)
			first, err := r.log.Topic.Fetch(r.within(10*time.Second), 0, 0, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			epochs := 0
			for _, record := range first.Records {
				if _, ok := entry.EpochOf(record.Key); ok {
					epochs++
				}
			}
			if epochs != 1 {
				t.Errorf("the epoch was begun by %d records, want one: compaction removes all but the last", epochs)
			}
		})
	}
}

// refuse has the broker answer the nth request to write, once, that it does not know the topic.
func (r *rig) refuse(nth int) {
	asked := 0
	r.kafka.Cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		if asked++; asked != nth {
			return nil, nil, false
		}
		res := req.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range req.(*kmsg.ProduceRequest).Topics {
			refused := kmsg.NewProduceResponseTopic()
			refused.Topic = topic.Topic
			for _, partition := range topic.Partitions {
				p := kmsg.NewProduceResponseTopicPartition()
				p.Partition, p.ErrorCode = partition.Partition, kerr.UnknownTopicOrPartition.Code
				refused.Partitions = append(refused.Partitions, p)
			}
			res.Topics = append(res.Topics, refused)
		}
		return res, nil, true
	})
}
