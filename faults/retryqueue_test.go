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

// quickRetries are settings with which a schedule is over within seconds.
var quickRetries = []string{"LEADHOOK_RETRY_DELAYS=1s,3s", "LEADHOOK_RETRY_SCHEDULE=1s,1s,3s,3s,3s,3s,3s,3s,3s"}

// TestRetryQueueSurvivesTheDeathOfEverything kills all processes while thousands of
// deliveries wait, and has each attempted when it is due.
func TestRetryQueueSurvivesTheDeathOfEverything(t *testing.T) {
	r := newRig(t, setup{environ: append(slices.Clone(quickSession), "LEADHOOK_RETRY_QUICK_ATTEMPTS=1",
		"LEADHOOK_RETRY_DELAYS=10s,20s", "LEADHOOK_RETRY_SCHEDULE=20s,20s,20s")})
	hooks := r.many("crm", advertisers)
	r.crm.usually(status(http.StatusInternalServerError))
	instances := r.runs(2)
	r.publish(manyLeads(), 2*flow, hooks...)
	waiting := r.handled(time.Minute)
	for _, i := range instances {
		i.kill()
	}
	r.crm.usually(takes)
	due := r.due()
	r.runs(2)
	end := time.Now()
	a := r.arrived(3 * time.Minute)
	early, latest := a.against(due, end)
	if early > 0 || latest > 2*time.Second {
		r.fails("%d were attempted before they were due, and others up to %v after", early, latest)
	}
	r.row("retry queue: SIGKILL of everything while deliveries wait", a, end, fmt.Sprintf(
		"%d waited; %d were attempted before they were due, and none later than %.1f s after", waiting.scheduled, early, latest.Seconds()))
}

// TestFullRetryQueueWithAHundredThousandWaiting has so many deliveries wait that all
// failed once, four of each webhook, so that no webhook is taken for failing.
func TestFullRetryQueueWithAHundredThousandWaiting(t *testing.T) {
	const leads, webhooks, rate = 100_000, 25_000, 4000
	r := newRig(t, setup{environ: []string{"LEADHOOK_RETRY_QUICK_ATTEMPTS=1", "LEADHOOK_RETRY_DELAYS=1m", "LEADHOOK_RETRY_SCHEDULE=1m,1m"}})
	hooks := r.many("crm", webhooks)
	r.crm.usually(status(http.StatusInternalServerError))
	r.runs(1)
	r.publish(leads, rate, hooks...)
	waiting := r.handled(time.Minute)
	r.crm.usually(takes)
	due := r.due()
	a := r.once(3 * time.Minute)
	early, latest := a.against(due, time.Time{})
	if early > 0 || latest > time.Second || waiting.scheduled != leads {
		r.fails("%d of %d waited; %d were attempted before they were due, and others up to %v after", waiting.scheduled, leads, early, latest)
	}
	r.row(fmt.Sprintf("retry queue: %d deliveries wait, %d come due a second", leads, rate), a, time.Time{}, fmt.Sprintf(
		"%d were attempted before they were due, and none later than %.2f s after", early, latest.Seconds()))
}

// A span is when a delivery is due that waits, as its records say: more than one,
// where the one that brought it before was not committed before the kill. It may
// come by any of them, if the ledger did not have its step yet; at the latest it
// comes by the first of its furthest step, or some seconds later if it was put off without
// an attempt.
type span struct {
	first, last time.Time
	step        int
}

// roundedUp is by how much a wait may be longer that is not one of the schedule.
const roundedUp = 10 * time.Second

// due is when each delivery is due that waits.
func (r *rig) due() map[deliveryID]span {
	r.t.Helper()
	topics := r.retryTopics()
	committed := r.committed(topics...)
	due := map[deliveryID]span{}
	for _, topic := range topics {
		r.read(topic, func(m *kafka.Message) {
			if m.Offset < committed[topic][m.Partition] {
				return
			}
			at, err := time.Parse(time.RFC3339Nano, header(m, "leadhook.not-before"))
			if err != nil {
				r.t.Fatalf("%s/%d/%d has no leadhook.not-before: %v", topic, m.Partition, m.Offset, err)
			}
			by := at
			if header(m, "leadhook.first-deferral") != "" {
				by = at.Add(roundedUp)
			}
			step, err := strconv.Atoi(header(m, "leadhook.step"))
			if err != nil {
				r.t.Fatalf("%s/%d/%d has no leadhook.step: %v", topic, m.Partition, m.Offset, err)
			}
			s, twice := due[deliveryOf(m)]
			if !twice || at.Before(s.first) {
				s.first = at
			}
			if !twice || step > s.step || step == s.step && by.Before(s.last) {
				s.last, s.step = by, step
			}
			due[deliveryOf(m)] = s
		})
	}
	return due
}

// against compares when deliveries were taken with when they were due, or when
// there was a service to make them, if that was later.
func (a *account) against(due map[deliveryID]span, ready time.Time) (early int, latest time.Duration) {
	for _, f := range a.flights {
		s, waited := due[f.pair.id]
		if !waited {
			continue
		}
		if f.delivered.Before(s.first) {
			early++
		}
		at := s.last
		if at.Before(ready) {
			at = ready
		}
		latest = max(latest, f.delivered.Sub(at))
	}
	return early, latest
}

// TestFullTokenCorrected corrects a webhook's token by seed while its leads
// wait.
func TestFullTokenCorrected(t *testing.T) {
	r := newRig(t, setup{environ: quickRetries})
	hooks := r.many("crm", 10)
	for _, h := range hooks {
		h.Auth = "Bearer wrong"
		r.crm.behave(h.path(), authorized("Bearer right"))
	}
	r.seed(hooks...)
	r.runs(2)
	r.publish(1000, 0, hooks...)
	waiting := r.handled(time.Minute)
	if waiting.delivered != 0 || waiting.dead != 0 {
		r.fails("with a wrong token: %v", waiting)
	}
	for _, h := range hooks {
		h.Auth = "Bearer right"
	}
	r.seed(hooks...)
	end := time.Now()
	a := r.once(2 * time.Minute)
	r.row("webhook: 401 for a wrong token, corrected by seed while leads wait", a, end, "")
}

// TestSameEventThreeTimes has a CRM fail first: the three records become
// one chain of attempts with one success.
func TestSameEventThreeTimes(t *testing.T) {
	r := newRig(t, setup{environ: quickRetries})
	hooks := r.many("crm", 20)
	for _, h := range hooks[:10] {
		r.crm.behave(h.path(), status(http.StatusServiceUnavailable))
	}
	r.runs(2)
	first := r.leads.Load() + 1
	r.publish(1000, 0, hooks...)
	r.publishAgain(first, 1000, hooks...)
	time.Sleep(2 * time.Second)
	r.publishAgain(first, 1000, hooks...)
	end := time.Now()
	for _, h := range hooks {
		r.crm.behave(h.path(), takes)
	}
	a := r.once(2 * time.Minute)
	if n := r.crm.sameAttempt(); n != 0 {
		r.fails("%d attempts of a delivery had the number of an earlier one", n)
	}
	if a.repeats < 2000 {
		r.fails("got %d repeats in the live topic, want 2000", a.repeats)
	}
	r.tolerates(30*time.Second, nil)
	r.row("event: published three times, also while its CRM fails", a, end, fmt.Sprintf("%d POSTs, each a step of its chain", a.posts))
}

// sameAttempt counts the POSTs whose number a POST of the same delivery had
// before.
func (r *record) sameAttempt() (n int) {
	type step struct {
		delivery uint32
		attempt  uint16
	}
	seen := map[step]bool{}
	r.each("", func(p *post) {
		s := step{p.delivery, p.attempt}
		if seen[s] {
			n++
		}
		seen[s] = true
	})
	return n
}

// TestFullCRMAwayForAMinute has the usual settings: the leads of a CRM that
// was away arrive soon after its return.
func TestFullCRMAwayForAMinute(t *testing.T) {
	r := newRig(t, setup{})
	h, healthy := r.hook("away"), r.many("crm", 10)
	h.URL = r.crm.refusing() + h.path()
	r.allowPorts()
	r.seed(h)
	r.runs(2)
	away := either(time.Minute, 10*time.Second)
	published := r.publishing(int(away.Seconds())*40, 40, append(healthy, h)...)
	time.Sleep(away)
	r.crm.comeBack(h)
	end := time.Now()
	published()
	a := r.arrived(3 * time.Minute)
	if late := a.recovered(end); late > 20*time.Second {
		r.fails("its leads arrived up to %v after its return", late)
	}
	r.row(fmt.Sprintf("CRM: away for %v", away), a, end, "")
}

// TestFullKafkaRetryTopicRefusesTheSize has deliveries that cannot be handed on: the
// partitions wait, and say why.
func TestFullKafkaRetryTopicRefusesTheSize(t *testing.T) {
	r := newRig(t, setup{environ: quickRetries})
	hooks := r.many("crm", 10)
	r.crm.usually(status(http.StatusInternalServerError))
	i := r.runs(1)[0]
	for _, topic := range r.retryTopics() {
		r.largest(topic, 500)
	}
	r.publish(1000, 0, hooks...)
	r.notReady(i)
	for _, topic := range r.retryTopics() {
		r.largest(topic, 2<<20)
	}
	r.crm.usually(takes)
	end := time.Now()
	r.tolerates(30*time.Second, nil)
	r.row("Kafka: the retry topics refuse the size, and take it later", r.once(2*time.Minute), end, "")
}

// TestFullKafkaRetryTopicMissing deletes the retry topics in the middle.
func TestFullKafkaRetryTopicMissing(t *testing.T) {
	r := newRig(t, setup{environ: quickRetries})
	hooks := r.many("crm", 10)
	r.crm.usually(status(http.StatusInternalServerError))
	i := r.runs(1)[0]
	topics := r.retryTopics()
	r.deleteTopics(topics...)
	r.publish(1000, 0, hooks...)
	r.notReady(i)
	r.createTopics()
	r.until(30*time.Second, "they are seen again", func() bool { return len(r.retryTopics()) == len(topics) })
	r.crm.usually(takes)
	end := time.Now()
	r.tolerates(30*time.Second, nil)
	r.row("Kafka: the retry topics are missing, and made again", r.once(2*time.Minute), end, "")
}

// chains are how many retry records each delivery had.
func (r *rig) chains() map[string]int { r.t.Helper(); return r.waited("leadhook.delivery") }

// waits are how many retry records each webhook had.
func (r *rig) waits() map[string]int { r.t.Helper(); return r.waited("leadhook.webhook") }

func (r *rig) waited(by string) map[string]int {
	r.t.Helper()
	counts := map[string]int{}
	for _, topic := range r.retryTopics() {
		r.read(topic, func(m *kafka.Message) { counts[header(m, by)]++ })
	}
	return counts
}
