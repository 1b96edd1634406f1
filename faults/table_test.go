//go:build faults

package faults

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/leadhook/leadhook/internal/realstack"
)

// A row is what one fault came to.
type row struct {
	fault     string
	leads     int // pairs of a lead and a webhook
	lost      int
	twice     map[cause]int
	recovered time.Duration // zero: there was nothing to recover from
	bound     bound         // what was tolerated
	seen      string        // what else was measured; empty: nothing
}

// A table is all rows of a run, in its order.
type table struct {
	mu   sync.Mutex
	rows []row // guarded by mu
}

func (t *table) add(r row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, r)
}

// row adds the row of an account. The time that the service needed counts from
// the end of the fault to the last of the leads that were published before it;
// a zero time means that there is nothing to say.
func (r *rig) row(fault string, a *account, end time.Time, seen string) {
	r.t.Helper()
	recovered := time.Duration(0)
	if !end.IsZero() {
		recovered = max(0, a.recovered(end))
	}
	for _, line := range a.named() {
		r.t.Log(line)
	}
	r.rowOf(fault, &a.tally, recovered, seen)
}

// rowOf adds the row of a tally, which must be within the rig's bound. A service that was
// broken on purpose gets none.
func (r *rig) rowOf(fault string, t *tally, recovered time.Duration, seen string) {
	r.t.Helper()
	for _, text := range r.bound.beyond(t, recovered) {
		r.fails("%s", text)
	}
	for _, text := range r.news() {
		seen = strings.TrimPrefix(seen+"; **not met**: "+text, "; ")
	}
	line := row{fault: fault, leads: t.wanted, lost: t.lost, twice: t.twice, recovered: recovered, bound: r.bound, seen: seen}
	r.t.Logf("%s | %s", fault, line.text())
	if r.tags == "" {
		rows.add(line)
	}
}

func (r row) text() string {
	recovered := "-"
	if r.recovered > 0 {
		recovered = fmt.Sprintf("%.1f of %.0f s", r.recovered.Seconds(), r.bound.recovery.Seconds())
	}
	return fmt.Sprintf("%d | %d | %s | %s | %s", r.leads, r.lost, r.bound.text(r.twice), recovered, cmp.Or(r.seen, " "))
}

// write prints the table, and writes it to a file if one is named and the run
// was a whole one. What a case did not get that it demands is in its row.
func (t *table) write(file string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rows) == 0 {
		return nil
	}
	text := t.markdown()
	fmt.Println(text)
	if file == "" || short {
		return nil
	}
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text+soakOf(string(old))), 0o644)
}

const preamble = `<!-- Made by a run of the fault suite: make faults -->
# Reliability: what was broken, and what became of the leads

The fault suite (` + "`make faults`" + `) starts leadhook as processes on a real Kafka and a real Redis, breaks one thing
at a time while leads flow, and compares what was published with what each CRM saw, what waits and what is dead. The
checker shares no code with the service. The table is of a whole run. CI has a short one with fewer leads and about four
minutes of the cases, picked by a random seed that it prints.

- **leads** counts each lead once for each webhook that wants it.
- **lost** are leads that were not delivered, do not wait, are no dead letters, and are not being handled. It must be 0.
- **twice** are leads that a CRM took more than once, by cause: *in flight* (a process was killed while it made the
  attempt), *ledger batch* (it was killed before the ledger had the mark of an answered attempt), *maybe received* (the CRM
  took the lead, but its answer did not arrive), *Redis* (the ledger was away or lost). Any other cause fails the suite.
  The process must be the one that made the first POST: each instance has a number, which its POSTs carry. "3 of 40" are 3
  where the case tolerates at most 40; what it does not name it does not tolerate.
- **recovered in** is how long after the end of the fault the last lead was delivered that had been published before that
  end, of what the case tolerates. A dash means that all of them had been delivered by then, or that the case does not measure
  it.
- **isolation** rows of webhooks that misbehave by the hundred are of an instance with ` + "`http.max_in_flight`" + ` of 512, so that
  they could use up all attempts. Beside them, 20 healthy webhooks on hosts of their own get 100 leads a second together, none
  of which may wait for longer than 8 s: that is less than it takes until attempts of the others end.
- **changes** are those of an operator who adds, changes (address, token), disables and removes webhooks while leads flow,
  with ` + "`leadhook seed`" + ` and ` + "`leadhook webhooks`" + `, one command after the other. From the moment at which a command has ended
  well, each lead published later must go where it says, or counts as lost; and what is sent of such a lead to an address or
  with a token that the webhook had before, or although it was disabled or removed, is *sent to what they took away*. That
  must be 0.
- **brokers** rows are of three brokers, with three replicas of each partition, of which two must have a record
  (` + "`min.insync.replicas`" + `). The longest time without a healthy delivery is that in which leads of a partition waited and
  none of them was delivered to the webhooks that are well.
- **not met** names what a case demands and did not get.

`

func (t *table) markdown() string {
	var b strings.Builder
	b.WriteString(preamble)
	fmt.Fprintf(&b, "Run of %s on %s; seed %d.\n\n", time.Now().UTC().Format(time.DateOnly), realstack.Machine(), seed)
	b.WriteString("| fault | leads | lost | twice, by cause | recovered in | seen |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, r := range t.rows {
		fmt.Fprintf(&b, "| %s | %s |\n", r.fault, r.text())
	}
	return b.String()
}
