//go:build faults

package faults

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// quickSession lets a group notice within seconds that a member is dead.
// Offsets are committed so seldom that it must be the ledger which keeps leads
// from coming twice.
var quickSession = []string{"LEADHOOK_KAFKA_SESSION_TIMEOUT=3s", "LEADHOOK_KAFKA_HEARTBEAT_INTERVAL=500ms",
	"LEADHOOK_KAFKA_COMMIT_INTERVAL=1s"}

// quickKills are those of cases that wait for claims of an instance which was killed.
var quickKills = append(slices.Clone(quickSession), quickClaims)

// keenCommit commits so often that hardly anything but what is open is read
// again: should more than the settled prefix be committed, it is lost.
var keenCommit = []string{"LEADHOOK_KAFKA_SESSION_TIMEOUT=1s", "LEADHOOK_KAFKA_HEARTBEAT_INTERVAL=100ms",
	"LEADHOOK_KAFKA_COMMIT_INTERVAL=20ms", quickClaims}

// quickClaims is how long an attempt may take, and thereby for how long what a killed instance
// had under way is claimed: in a short run nobody waits for the usual claims to end.
var quickClaims = "LEADHOOK_HTTP_TIMEOUT=" + either("15s", "5s")

// claimsEnd is how long after a kill the last of what was under way may arrive: the group
// notices the death, the claims end, and the shortest retry topic has the leads for 10 s each
// time.
var claimsEnd = either(35*time.Second, 25*time.Second)

// usualCRM answers in the time that CRMs take.
var usualCRM = within(5*time.Millisecond, longestAnswer)

const longestAnswer = 300 * time.Millisecond

// How much flows through a process case.
const advertisers = 100

var flow = either(1000.0, 500) // leads a second

func manyLeads() int { return either(20_000, 4000) }

func TestProcessKilledAtRandomMoments(t *testing.T) {
	killedAtRandomMoments(newRig(t, setup{environ: quickKills}))
}

// killedAtRandomMoments kills one of two instances, starts it again at once,
// and lets the leads flow again before the next one is killed.
func killedAtRandomMoments(r *rig) {
	hooks := r.many("crm", advertisers)
	r.crm.usually(usualCRM)
	instances := r.runs(2)
	published := r.publishing(manyLeads(), flow, hooks...)
	kills := either(4, 2)
	for n := range kills {
		r.flows()
		time.Sleep(r.moment(2 * time.Second))
		victim := r.rand.IntN(2)
		instances[victim].kill()
		instances[victim] = r.run()
		if n == kills-1 {
			break
		}
	}
	end := time.Now()
	published()
	a := r.arrived(2 * time.Minute)
	r.tolerates(claimsEnd, eachKill(kills, flow))
	r.row(fmt.Sprintf("process: SIGKILL of one of two, %d times, restarted at once", kills), a, end, "")
}

// moment is a random time from now on.
func (r *rig) moment(most time.Duration) time.Duration {
	return time.Duration(r.rand.Int64N(int64(most)))
}

// flows waits until the CRM has taken some more.
func (r *rig) flows() {
	r.t.Helper()
	before := r.crm.deliveries()
	r.until(time.Minute, "leads flow", func() bool { return r.crm.deliveries() >= before+200 })
}

func TestFullProcessTerminatedAtRandomMoments(t *testing.T) {
	r := newRig(t, setup{})
	hooks := r.many("crm", advertisers)
	r.crm.usually(usualCRM)
	instances := r.runs(2)
	published := r.publishing(manyLeads(), flow, hooks...)
	stops := either(5, 2)
	for range stops {
		r.flows()
		time.Sleep(r.moment(2 * time.Second))
		n := r.rand.IntN(2)
		instances[n].stop()
		instances[n] = r.run()
	}
	end := time.Now()
	published()
	r.row(fmt.Sprintf("process: SIGTERM of one of two, %d times, restarted at once", stops), r.once(2*time.Minute), end, "")
}

func TestFullProcessesJoinAndLeaveEverySecond(t *testing.T) {
	r := newRig(t, setup{})
	hooks := r.many("crm", advertisers)
	r.crm.usually(usualCRM)
	r.runs(1)
	published := r.publishing(manyLeads(), flow, hooks...)
	r.flows()
	changes := either(16, 4)
	var extra []*instance
	for range changes {
		time.Sleep(time.Second)
		if len(extra) < 3 && (len(extra) == 0 || r.rand.IntN(2) == 0) {
			extra = append(extra, r.run().ready())
			continue
		}
		extra[0].term()
		defer extra[0].await(time.Minute)
		extra = extra[1:]
	}
	end := time.Now()
	published()
	r.row(fmt.Sprintf("process: instances join and leave every second, %d times", changes), r.once(2*time.Minute), end, "")
}

// TestFullProcessKilledWithTheUsualSession measures how long the other instance
// delivers nothing, with the settings as they are by default: the group waits
// for the dead one until its session is over.
func TestFullProcessKilledWithTheUsualSession(t *testing.T) {
	r := newRig(t, setup{})
	hooks := r.many("crm", advertisers)
	r.crm.usually(usualCRM)
	instances := r.runs(2)
	published := r.publishing(manyLeads(), flow, hooks...)
	r.flows()
	instances[0].kill()
	began := time.Now()
	r.run()
	published()
	a := r.arrived(2 * time.Minute)
	pause := a.pause(began, hooks...)
	if pause > 15*time.Second {
		r.fails("nothing was delivered for %v", pause)
	}
	r.tolerates(45*time.Second, eachKill(1, flow))
	r.row("process: SIGKILL of one of two and immediate restart, usual settings", a, began,
		fmt.Sprintf("longest time without any delivery: %.1f s", pause.Seconds()))
}

// TestProcessStoppedPastItsSession has the claims of what was under way last until after the
// process has heard the answers: nothing may come twice.
func TestProcessStoppedPastItsSession(t *testing.T) {
	r := newRig(t, setup{environ: quickSession})
	hooks := r.many("crm", advertisers)
	r.crm.usually(usualCRM)
	instances := r.runs(2)
	published := r.publishing(manyLeads(), flow, hooks...)
	r.flows()
	instances[0].freeze()
	time.Sleep(6 * time.Second)
	instances[0].thaw()
	end := time.Now()
	published()
	a := r.arrived(2 * time.Minute)
	r.row("process: SIGSTOP of one of two for twice its session, then SIGCONT", a, end, "")
}

// TestProcessKilledBetweenTwoSteps finds the steps of the path by random
// timing: an instance has a few leads to do at a time, and is killed in the
// middle.
func TestProcessKilledBetweenTwoSteps(t *testing.T) {
	killedBetweenTwoSteps(newRig(t, setup{environ: keenCommit}))
}

func killedBetweenTwoSteps(r *rig) {
	const underWay = 40 // a new instance begins with 8 attempts at a host, and has learnt in 300 ms how many more it takes
	hooks := r.many("crm", advertisers)
	r.crm.usually(usualCRM)
	rounds := either(30, 5)
	var end time.Time
	for range rounds {
		i := r.run().ready()
		done := r.crm.deliveries()
		r.publish(300, 0, hooks...)
		r.until(time.Minute, "the first lead of a round", func() bool { return r.crm.deliveries() > done })
		time.Sleep(r.moment(300 * time.Millisecond))
		i.kill()
		end = time.Now()
	}
	r.run()
	r.tolerates(claimsEnd, most{inFlight: rounds * underWay, unmarked: rounds * underWay / 4})
	r.row(fmt.Sprintf("process: SIGKILL between two steps, %d times at random within 300 ms of 300 leads", rounds),
		r.arrived(2*time.Minute), end, "")
}

// TestProcessesRestartedOneByOne restarts three instances under load while
// attempts hang.
func TestProcessesRestartedOneByOne(t *testing.T) {
	r := newRig(t, setup{environ: []string{"LEADHOOK_HTTP_TIMEOUT=" + either("15s", "5s")}})
	hooks, hanging := r.many("crm", 50), r.many("hangs", 5)
	for _, h := range hanging {
		r.crm.behave(h.path(), hangs)
	}
	instances := r.runs(3)
	published := r.publishing(manyLeads(), flow, append(hooks, hanging...)...)
	r.flows()
	began := time.Now()
	for n := range instances {
		instances[n].term()
		restarted := r.run().ready()
		instances[n].await(time.Minute)
		instances[n] = restarted
	}
	end := time.Now()
	for _, h := range hanging {
		r.crm.behave(h.path(), takes)
	}
	published()
	a := r.once(5 * time.Minute)
	pause := a.pause(began, hooks...)
	if pause > 2*time.Second {
		r.fails("the healthy ones got nothing for %v", pause)
	}
	r.row("process: three instances restarted one by one, attempts hanging", a, end,
		fmt.Sprintf("longest time without a healthy delivery: %.1f s", pause.Seconds()))
}
