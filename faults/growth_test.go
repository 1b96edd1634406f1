//go:build faults

package faults

import (
	"fmt"
	"testing"
	"time"
)

// TestPartitionsRaised has more partitions be added to all topics while leads flow. The
// command is killed between its steps and typed again, as often as it takes, and instances
// are restarted in between: whatever step it is at, they must start, and no lead may be
// lost that a producer writes to a partition which is new.
func TestPartitionsRaised(t *testing.T) {
	const more = partitions * 3 / 2
	r := newRig(t, setup{environ: quickSession})
	hooks := r.many("crm", advertisers)
	for _, h := range hooks[:10] {
		r.crm.behave(h.path(), refusesFirst(10)) // so that some waits in the retry topics
	}
	instances := r.runs(2)
	published := r.publishing(manyLeads(), flow, hooks...)
	r.flows()
	kills, restarts := 0, 0
	for patience := 20 * time.Millisecond; ; patience = patience * 3 / 2 {
		command := r.start("topics", "create", "--partitions", fmt.Sprint(more))
		if command.over(patience/2 + r.moment(patience)) {
			if command.code != 0 {
				r.fails("topics create --partitions ended with exit code %d:\n%s", command.code, command.tail())
			}
			break
		}
		_ = command.process.Kill()
		<-command.ended
		kills++
		if kills%3 == 0 {
			n := restarts % 2
			instances[n].stop()
			instances[n] = r.run().ready()
			restarts++
		}
	}
	r.partitions = more
	end := time.Now()
	r.publish(1000, flow, hooks...)
	published()
	r.row(fmt.Sprintf("Kafka: %d partitions become %d; the command is killed %d times, and %d times an instance is restarted in between",
		partitions, more, kills, restarts), r.once(2*time.Minute), end, "")
}

// over waits for a while, and returns whether the process has ended by then.
func (i *instance) over(within time.Duration) bool {
	select {
	case <-i.ended:
		return true
	case <-time.After(within):
		return false
	}
}
