//go:build faults

package faults

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// These tests are about the suite itself: it must fail with a service that is
// broken on purpose. Each build tag breaks one thing.

func TestSuiteSeesOffsetsCommittedEarly(t *testing.T) {
	r := newRig(t, setup{tags: "broken_commit", environ: keenCommit})
	r.try(killedBetweenTwoSteps)
	r.found(r.last != nil && r.last.lost > 0, "leads that are lost")
}

func TestSuiteSeesThatTheLedgerIsOff(t *testing.T) {
	r := newRig(t, setup{tags: "broken_ledger", environ: quickKills})
	r.try(killedAtRandomMoments)
	r.found(r.last != nil && r.last.twice[withoutCause] > 0, "leads that came twice without a cause")
}

func TestSuiteSeesThatRedisIsBelieved(t *testing.T) {
	server := startRedis(t, byDefault...)
	r := newRig(t, setup{tags: "broken_places", redis: server.Addr()})
	r.try(func(r *rig) { redisForgets(r, server) })
	r.found(r.last != nil && r.last.lost+r.last.astray > 0, "leads that are lost, or sent to what was taken away")
}

func TestSuiteSeesThatNothingIsConfirmed(t *testing.T) {
	r := newRig(t, setup{tags: "broken_confirm", slowKafka: true})
	r.try(changedWhileKafkaIsSlow)
	r.found(r.last != nil && r.last.lost+r.last.astray > 0, "leads that are lost, or sent to what was taken away")
}

// TestFullModelOfWebhooksSeesWhatIsBroken tries random schedules on webhooks that are broken
// on purpose, without servers. About one schedule in four notices.
func TestFullModelOfWebhooksSeesWhatIsBroken(t *testing.T) {
	const schedules, outdated = "-schedules=30", "I1: " // what the model says of a lead that got webhooks of before
	for _, tag := range []string{"broken_places", "broken_confirm"} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, "go", "test", "-tags", tag, "-count=1", "-run", "^TestSchedules$", "../webhook", schedules).CombinedOutput()
		if err == nil || !strings.Contains(string(out), outdated) {
			t.Errorf("in webhooks built with the tag %s the model finds no outdated ones: %v\n%.2000s", tag, err, out)
		}
	}
}

// TestSuiteSeesThatNothingIsClaimed runs the ledger's random schedules without claims.
func TestSuiteSeesThatNothingIsClaimed(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "test", "-tags", "broken_claims", "-count=1", "-run", "^TestNeverTwoHolders$", "../ledger").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "attempt it") {
		t.Errorf("in a ledger built with the tag broken_claims no two instances attempt a delivery: %v\n%.2000s", err, out)
	}
}

// TestSuiteSeesThatTwoInstancesAttemptAtOnce has instances that claim nothing read each event
// from two partitions.
func TestSuiteSeesThatTwoInstancesAttemptAtOnce(t *testing.T) {
	r := newRig(t, setup{tags: "broken_claims", environ: quickKills})
	r.try(oneEventInTwoPartitions)
	r.found(r.last != nil && r.last.twice[withoutCause] > 0, "leads that came twice without a cause")
}

// TestSuiteSeesThatUnpackingIsNotBounded has instances unpack records of any size.
func TestSuiteSeesThatUnpackingIsNotBounded(t *testing.T) {
	r := newRig(t, setup{tags: "broken_bound"})
	r.try(bombsAmongGoodLeads)
	r.found(r.last != nil && r.last.bombs > 0, "records that take all memory")
}

// TestFullSuiteSeesThatWhatWaitsForUsIsNotCapped has the test of one partition of the
// dead-letter topic being away see a build in which whatever waits for it stays there.
func TestFullSuiteSeesThatWhatWaitsForUsIsNotCapped(t *testing.T) {
	const test, standsStill = "^TestOnePartitionOfTheDeadLettersIsAway$", "the healthy webhooks have all their leads"
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "test", "-tags", "broken_caps", "-count=1", "-run", test, "../cmd/leadhook").CombinedOutput()
	if err == nil || !strings.Contains(string(out), standsStill) {
		t.Errorf("a build with the tag broken_caps is not seen: %v\n%.2000s", err, out)
	}
}

// withoutLimiter is the build tag of a service without a limiter.
const withoutLimiter = "broken_isolation"

func TestFullSuiteSeesThatTenHangingCRMsHoldUpOthers(t *testing.T) {
	const leads = 4000
	share := newCrowd(t, withoutLimiter).full(leads, (*crowd).storm) / newCrowd(t, withoutLimiter).full(leads, (*crowd).calm)
	if share >= leastShare {
		t.Errorf("the suite finds that healthy CRMs have %.0f %% of their throughput without a limiter", 100*share)
	}
	t.Logf("found, as it must be: the healthy ones have %.0f %% of their throughput", 100*share)
}

func TestSuiteSeesThatTheIsolationIsOff(t *testing.T) {
	eachIsolation(t, withoutLimiter, func(b *besieged) {
		b.try(func(*rig) { b.happens() })
		b.found(b.harmed, "harm to healthy webhooks")
	})
}

// found wants the case to have failed, and for this reason.
func (r *rig) found(so bool, what string) {
	r.t.Helper()
	if !so || len(r.wrong) == 0 {
		r.t.Errorf("in a leadhook built with -tags %s the suite finds no %s", r.tags, what)
	}
	for _, text := range r.wrong {
		r.t.Logf("found, as it must be: %s", text)
	}
}

// try runs a case to its end, or to where it gives up.
func (r *rig) try(test func(*rig)) {
	defer func() {
		if err, _ := recover().(error); err != nil && !errors.Is(err, errGaveUp) {
			panic(err)
		}
	}()
	test(r)
}
