//go:build faults

package faults

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/leadhook/leadhook/internal/realstack"
)

// These cases have three brokers, three replicas of each partition, of which two must have
// a record. Each has a bound for the longest time without a healthy delivery.

// brokersFlow is how many leads a second there are beside what brokers do.
const brokersFlow = 300.0

// mostMoved is how long a group may deliver nothing whose coordinator moves: less than it takes until
// the next coordinator knows that the sessions of the former members, of 10 s, are over. A broker that is
// killed counts as there for 3 s.
const mostMoved = 12 * time.Second

// TestFullBrokersRestartedOneByOne has an instance join while each broker is down, and
// leave when it is back: leaders and the coordinator move meanwhile.
func TestFullBrokersRestartedOneByOne(t *testing.T) {
	r := newRig(t, setup{three: true})
	hooks := r.many("crm", advertisers)
	r.crm.usually(usualCRM)
	r.runs(2)
	published := r.flowing(brokersFlow, hooks...)
	r.flows()
	began := time.Now()
	restarted := r.three.cluster.Nodes()[:either(3, 1)]
	for _, broker := range restarted {
		broker.Stop()
		joined := r.run().ready()
		r.back(broker)
		joined.stop()
		r.flows()
	}
	end := time.Now()
	published()
	r.bounded(fmt.Sprintf("brokers: %d of three restarted one by one (SIGTERM), an instance joins and leaves each time", len(restarted)),
		r.arrived(2*time.Minute), began, end, mostMoved, hooks, "")
}

// TestBrokersCoordinatorKilled kills the broker that coordinates the group, which leads
// partitions as well.
func TestBrokersCoordinatorKilled(t *testing.T) {
	r := newRig(t, setup{three: true})
	hooks := r.many("crm", advertisers)
	r.crm.usually(usualCRM)
	r.runs(2)
	published := r.flowing(brokersFlow, hooks...)
	r.flows()
	coordinator, err := r.three.cluster.Coordinator(t.Context(), r.topic)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	coordinator.Kill()
	r.until(time.Minute, "another broker coordinates the group", func() bool {
		other, err := r.three.cluster.Coordinator(t.Context(), r.topic)
		return err == nil && other != coordinator
	})
	r.flows()
	r.back(coordinator)
	r.flows()
	end := time.Now()
	published()
	r.bounded("brokers: SIGKILL of the group's coordinator, and restart", r.arrived(2*time.Minute),
		began, end, mostMoved, hooks, "")
}

// TestBrokersOnePartitionOfEachKindAway has one partition each of the live topic, the retry
// topics and the dead-letter topic be on a broker alone that is stopped.
func TestBrokersOnePartitionOfEachKindAway(t *testing.T) {
	r := newRig(t, setup{three: true, environ: quickRetries})
	last := r.three.cluster.Nodes()[2]
	p := r.needing()
	r.runs(2)
	r.place(r.topic, livePartition, last)
	p.place(last)
	elsewhere := r.flowing(brokersFlow/float64(len(p.all()))*float64(len(p.elsewhere)), p.elsewhere...)
	r.flows()
	began := time.Now()
	last.Stop()
	there := r.flowing(brokersFlow/float64(len(p.all()))*float64(len(p.there)), p.there...)
	p.stays()
	r.back(last)
	end := time.Now()
	elsewhere()
	there()
	r.mended(p, "brokers: one partition each of the live, retry and dead-letter topics offline", began, end)
}

// TestFullBrokersTooFewInSync has the other replica of one partition of the retry topics and of
// one of the dead-letter topic be on a broker that is stopped: what is left is less than
// min.insync.replicas.
func TestFullBrokersTooFewInSync(t *testing.T) {
	r := newRig(t, setup{three: true, environ: quickRetries})
	nodes := r.three.cluster.Nodes()
	p := r.needing()
	r.runs(2)
	p.place(nodes[0], nodes[2])
	published := r.flowing(brokersFlow, p.all()...)
	r.flows()
	began := time.Now()
	nodes[2].Stop()
	p.stays()
	r.back(nodes[2])
	end := time.Now()
	published()
	r.mended(p, "brokers: too few replicas in sync of one retry and one dead-letter partition", began, end)
}

// TestFullBrokersWebhooksPartitionAway has the topic of webhooks be on a broker alone that is
// stopped. Without it nothing can be confirmed: everything waits.
func TestFullBrokersWebhooksPartitionAway(t *testing.T) {
	const most = 10 * time.Second
	r := newRig(t, setup{three: true})
	last := r.three.cluster.Nodes()[2]
	hooks := r.many("crm", advertisers)
	instances := r.runs(2)
	r.place(r.webhooks(), 0, last)
	published := r.flowing(brokersFlow, hooks...)
	r.flows()
	last.Stop()
	for _, i := range instances {
		r.notReady(i)
	}
	r.back(last)
	end := time.Now()
	for _, i := range instances {
		i.ready()
	}
	published()
	a := r.arrived(2 * time.Minute)
	if late := a.recovered(end); late > most {
		r.fails("leads arrived up to %v after the topic was back", late)
	}
	r.row("brokers: the partition of the webhooks offline", a, end, "")
}

// The partitions that go away: of the live topic, the retry topics, the dead-letter topic.
const livePartition, retryPartition, deadPartition = 0, 1, 2

// needs are webhooks by what of ours they need, as the partition of their leads and their CRMs
// have it.
type needs struct {
	r         *rig
	elsewhere []*hook // whose leads are in another partition than livePartition
	there     []*hook // whose leads are in livePartition
	failing   []*hook // of elsewhere: they need the retry partition
	refusing  []*hook // of elsewhere: they need the dead-letter partition
	healthy   []*hook // the rest of elsewhere
}

func (p *needs) all() []*hook { return slices.Concat(p.elsewhere, p.there) }

// place has the partitions of retry and dead letters on these brokers alone.
func (p *needs) place(on ...*realstack.Kafka) {
	p.r.t.Helper()
	for _, topic := range p.r.retryTopics() {
		p.r.place(topic, retryPartition, on...)
	}
	p.r.place(p.r.deadLetters(), deadPartition, on...)
}

// needing seeds webhooks, of which one in three needs the partition of the retry topics or of
// the dead-letter topic that goes away, where it is their leads' own.
func (r *rig) needing() *needs {
	r.t.Helper()
	r.crm.usually(usualCRM)
	p := &needs{r: r}
	seen := map[int]int{}
	for _, h := range r.many("crm", advertisers) {
		where := partitionOf(h)
		seen[where]++
		if where == livePartition {
			p.there = append(p.there, h)
			continue
		}
		p.elsewhere = append(p.elsewhere, h)
		switch {
		case where == retryPartition && seen[where]%3 == 0:
			p.failing = append(p.failing, h)
			r.crm.behave(h.path(), status(http.StatusInternalServerError))
		case where == deadPartition && seen[where]%3 == 0:
			p.refusing = append(p.refusing, h)
			r.crm.behave(h.path(), status(http.StatusBadRequest))
		default:
			p.healthy = append(p.healthy, h)
		}
	}
	if len(p.there) == 0 || len(p.failing) == 0 || len(p.refusing) == 0 {
		r.giveUp("the names of the advertisers are not spread over the partitions: %v", seen)
	}
	return p
}

// stays leaves things as they are for a while, in which the healthy ones have leads delivered.
func (p *needs) stays() {
	p.r.t.Helper()
	time.Sleep(either(20*time.Second, 8*time.Second))
	p.r.flows()
}

// mended is the row when the partitions are back: what needed them has arrived or is dead, and
// the healthy ones of each partition have had no long pause.
func (r *rig) mended(p *needs, fault string, began, end time.Time) {
	r.t.Helper()
	for _, h := range p.failing {
		r.crm.behave(h.path(), takes)
	}
	a := r.settled(2 * time.Minute)
	refused := 0
	for _, h := range p.refusing {
		refused += a.of(h).wanted
	}
	if a.dead != refused || a.delivered != a.wanted-refused {
		r.fails("want %d of %d dead letters and the others delivered, got %v\n%s", refused, a.wanted, a, a.details())
	}
	r.bounded(fault, a, began, end, 5*time.Second, p.healthy, fmt.Sprintf("%d became dead letters", refused))
}

// bounded is a row in which no partition may be without a healthy delivery for long.
func (r *rig) bounded(fault string, a *account, began, end time.Time, most time.Duration, healthy []*hook, seen string) {
	r.t.Helper()
	stall := a.stall(began, healthy)
	if stall > most {
		r.fails("a partition had no healthy delivery for %v although leads waited, %v at most is allowed", stall, most)
	}
	text := fmt.Sprintf("longest time without a healthy delivery, of any partition: %.1f s", stall.Seconds())
	if seen != "" {
		text += "; " + seen
	}
	r.row(fault, a, end, text)
}
