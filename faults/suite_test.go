//go:build faults

package faults

import (
	"errors"
	"testing"
)

// These tests are about the suite itself: it must fail with a service that is
// broken on purpose. Each build tag breaks one thing.

func TestSuiteSeesOffsetsCommittedEarly(t *testing.T) {
	r := newRig(t, setup{tags: "broken_commit", environ: keenCommit})
	r.try(killedBetweenTwoSteps)
	r.found(r.last != nil && r.last.lost > 0, "leads that are lost")
}

func TestSuiteSeesThatTheLedgerIsOff(t *testing.T) {
	r := newRig(t, setup{tags: "broken_ledger", environ: quickSession})
	r.try(killedAtRandomMoments)
	r.found(r.last != nil && r.last.twice[withoutCause] > 0, "leads that came twice without a cause")
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
