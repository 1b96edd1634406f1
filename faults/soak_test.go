//go:build faults

package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leadhook/leadhook/internal/realstack"
)

// soakVariable says for how long pairs of faults are made; empty: not at all.
const soakVariable = "FAULTS_SOAK"

// A soak breaks two things at once, again and again, while leads flow. What it breaks and for
// how long follows from the seed alone.
type soak struct {
	*rig
	plan      *rand.Rand // of the schedule; nothing else draws from it
	redis     *realstack.Sentinel
	instances []*instance // that are well
	healthy   []*hook
	sick      map[string][]*hook // by the kind of fault that they get
	operator  *operator
	began     time.Time
	made      int            // pairs of faults
	counts    map[string]int // of faults, by kind
	schedule  []string
	outages   []wait             // of ours
	whole     []func() time.Time // to be called when all is well again
}

// How much flows through a soak, and to how many webhooks.
const (
	soakFlow     = 100.0
	soakHealthy  = 24
	soakSick     = 4 // of each kind
	soakTended   = 6
	soakStall    = 2 * time.Second  // the target for the longest time without a healthy delivery
	soakPatience = 90 * time.Second // until all is well again
)

// soakSettings have retries come within seconds, and for longer than a fault lasts.
var soakSettings = []string{"LEADHOOK_RETRY_DELAYS=1s,5s,10s", "LEADHOOK_RETRY_SCHEDULE=1s,1s,5s,5s" + strings.Repeat(",10s", 8),
	"LEADHOOK_HTTP_TIMEOUT=5s"}

// TestSoak makes pairs of faults on three brokers and a Redis failover pair for as long as
// asked.
func TestSoak(t *testing.T) {
	text := os.Getenv(soakVariable)
	if text == "" {
		t.Skip("it takes as long as asked: make soak SOAK=30m")
	}
	long, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("SOAK is no duration: %v", err)
	}
	s := newSoak(t)
	published := s.flowing(soakFlow, s.all()...)
	s.flows()
	for s.began = time.Now(); time.Since(s.began) < long; {
		s.pair()
	}
	published()
	s.publish(500, 0, s.all()...)
	a := s.arrived(10 * time.Minute)
	s.ends(a, long)
}

func newSoak(t *testing.T) *soak {
	t.Helper()
	s := &soak{plan: chance(t), counts: map[string]int{}, sick: map[string][]*hook{}}
	fmt.Printf("SOAK_SEED=%d\n", seed)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("SOAK_SEED=%d, and what was done until then:\n%s", seed, strings.Join(s.schedule, "\n"))
		}
	})
	redis, err := realstack.StartSentinel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = redis.Close() })
	s.redis = redis
	s.rig = newRig(t, setup{three: true, slowKafka: true, redis: strings.Join(redis.Addrs(), ","),
		environ: append(slices.Clone(soakSettings), "LEADHOOK_REDIS_MODE=sentinel", "LEADHOOK_REDIS_SENTINEL_MASTER="+redis.Master())})
	servers.kafka.Kill() // it would only take the processor's time; the next test has it restarted
	s.crm.usually(usualCRM)
	s.healthy = s.many("crm", soakHealthy)
	for _, k := range soakKinds {
		if k.crm != nil {
			s.sick[k.name] = s.many(strings.ReplaceAll(k.name, " ", "-"), soakSick)
		}
	}
	s.operator = s.rig.operator("op", soakTended)
	s.operator.begins()
	s.instances = s.runs(2)
	return s
}

func (s *soak) all() []*hook {
	all := slices.Concat(s.healthy, s.operator.hooks)
	for _, k := range soakKinds {
		all = append(all, s.sick[k.name]...)
	}
	return all
}

// pair makes two faults, lets them be for a while, takes them back, and waits until all is
// well again.
func (s *soak) pair() {
	s.t.Helper()
	one, other := s.plan.IntN(len(soakKinds)), s.plan.IntN(len(soakKinds)-1)
	if other >= one {
		other++
	}
	apart, hold := s.within(0, 3*time.Second), s.within(2*time.Second, 10*time.Second)
	quiet, turned := s.within(2*time.Second, 5*time.Second), s.plan.IntN(2) == 1
	s.says("%s and %s", soakKinds[one].name, soakKinds[other].name)
	from := time.Now()
	heals := []func(){s.strike(soakKinds[one], rand.New(rand.NewPCG(s.plan.Uint64(), 0)))}
	time.Sleep(apart)
	heals = append(heals, s.strike(soakKinds[other], rand.New(rand.NewPCG(s.plan.Uint64(), 0))))
	time.Sleep(hold)
	if turned {
		slices.Reverse(heals)
	}
	for _, heal := range heals {
		heal()
	}
	healed := time.Now()
	s.mends()
	to := time.Now()
	if soakKinds[one].ours || soakKinds[other].ours {
		s.outages = append(s.outages, wait{from, to})
	}
	s.made++
	s.says("the second after %.1f s, for %.1f s; well again %.1f s later", apart.Seconds(),
		healed.Sub(from).Seconds()-apart.Seconds(), to.Sub(healed).Seconds())
	time.Sleep(quiet)
}

// within is a time from least to most, as the plan has it.
func (s *soak) within(least, most time.Duration) time.Duration {
	return least + time.Duration(s.plan.Int64N(int64(most-least)))
}

func (s *soak) strike(k soakKind, r *rand.Rand) (heal func()) {
	s.t.Helper()
	s.counts[k.name]++
	if k.crm != nil {
		return s.sickens(k)
	}
	return k.strike(s, r)
}

// says adds a line to the schedule.
func (s *soak) says(format string, args ...any) {
	line := fmt.Sprintf("%s (%.0f s) ", time.Now().Format(time.StampMilli), time.Since(s.began).Seconds()) + fmt.Sprintf(format, args...)
	s.schedule = append(s.schedule, line)
	fmt.Println(line)
}

// mends waits until the brokers, Redis and the instances are as they should be and every healthy
// webhook gets leads again.
func (s *soak) mends() {
	s.t.Helper()
	s.until(soakPatience, "the brokers are in sync, and led by whom they should be", func() bool { return s.three.cluster.Balanced(s.t.Context()) })
	s.sure("the replica of Redis", s.redis.AwaitReplica(s.t.Context()))
	for _, i := range s.instances {
		select {
		case <-i.ended:
			s.giveUp("an instance ended by itself, with exit code %d:\n%s", i.code, i.tail())
		default:
			i.ready()
		}
	}
	before := map[*hook]int{}
	for _, h := range s.healthy {
		before[h] = s.crm.at(h.path())
	}
	s.until(soakPatience, "every healthy webhook gets leads again", func() bool {
		return !slices.ContainsFunc(s.healthy, func(h *hook) bool { return s.crm.at(h.path()) < before[h]+3 })
	})
	for _, over := range s.whole {
		over()
	}
	s.whole = nil
}

// ends says what the soak came to.
func (s *soak) ends(a *account, long time.Duration) {
	s.t.Helper()
	inside, outside := s.stalls(a)
	lines := s.lines(a, inside, outside)
	fmt.Println(lines)
	if file := os.Getenv(tableVariable); file != "" && long >= 30*time.Minute && len(s.news()) == 0 {
		if err := writeSoak(file, lines); err != nil {
			s.t.Fatal(err)
		}
	}
}

// stalls are the longest times in which leads of a partition waited and no healthy webhook got
// one: during outages of ours, and otherwise.
func (s *soak) stalls(a *account) (inside, outside time.Duration) {
	for _, w := range a.waits(s.began, s.healthy) {
		during := func(o wait) bool { return w.from.Before(o.to) && o.from.Before(w.to) }
		if slices.ContainsFunc(s.outages, during) {
			inside = max(inside, w.long())
			continue
		}
		outside = max(outside, w.long())
		if w.long() > soakStall {
			s.says("no healthy delivery for %.1f s from %s on, outside of outages of ours", w.long().Seconds(), w.from.Format(time.StampMilli))
		}
	}
	return inside, outside
}

func (s *soak) lines(a *account, inside, outside time.Duration) string {
	var kinds []string
	for _, k := range soakKinds {
		kinds = append(kinds, k.name+" "+strconv.Itoa(s.counts[k.name]))
	}
	target := "the target is 2 s"
	if outside > soakStall {
		target = "**not met**: the target is 2 s"
	}
	return fmt.Sprintf(`Run of %s on %s; seed %d.

| | |
| --- | --- |
| time | %v, %d pairs of faults |
| faults | %s |
| leads | %d |
| lost | %d |
| foreign bodies | %d |
| twice, by cause | %s |
| webhooks | %s |
| longest time without a healthy delivery, outside of outages of ours | %.1f s; %s |
| the same, inside | %.1f s |
`, time.Now().UTC().Format(time.DateOnly), realstack.Machine(), seed, time.Since(s.began).Round(time.Second), s.made, strings.Join(kinds, ", "),
		a.wanted, a.lost, a.foreign, twiceText(a.twice), changed(a, s.operator), outside.Seconds(), target, inside.Seconds())
}

// The section of a file that soaks write.
const soakBegins, soakEnds = "<!-- Made by make soak -->\n", "<!-- End of what make soak made -->\n"

const soakPreamble = `## Soak: two things broken at once, at random

` + "`make soak SOAK=30m`" + ` breaks random pairs of things (the kinds below) on three brokers and a Redis failover pair while 100
leads a second flow, each pair for 2 to 13 s. After each, all must be well again within 90 s. The seed repeats the schedule:
` + "`make soak SOAK_SEED=…`" + `. Outages of ours last from the first fault in Kafka, in Redis or by SIGKILL or SIGSTOP until all
brokers and instances are well again and every healthy webhook gets leads. The longest time without a healthy delivery is that
in which leads of a partition waited and none of them was delivered to webhooks that are well.

`

// soakOf is the section of a file that the last soak wrote; empty: none did.
func soakOf(text string) string {
	_, section, found := strings.Cut(text, soakBegins)
	if !found {
		return ""
	}
	section, _, _ = strings.Cut(section, soakEnds)
	return "\n" + soakBegins + section + soakEnds
}

// writeSoak replaces the section in a file.
func writeSoak(file, lines string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text := strings.TrimSuffix(string(old), soakOf(string(old)))
	return os.WriteFile(file, []byte(text+"\n"+soakBegins+soakPreamble+lines+soakEnds), 0o644)
}

// TestSoakReplacesItsSection is about the file, which `make faults` writes as well.
func TestSoakReplacesItsSection(t *testing.T) {
	file := filepath.Join(t.TempDir(), "reliability.md")
	if err := os.WriteFile(file, []byte("| table |\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, lines := range []string{"first\n", "second\n"} {
		if err := writeSoak(file, lines); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := "| table |\n\n" + soakBegins + soakPreamble + "second\n" + soakEnds
	if string(text) != want || soakOf(want) != strings.TrimPrefix(want, "| table |\n") {
		t.Errorf("the file is\n%s\nwant\n%s", text, want)
	}
}
