//go:build faults

package faults

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A short run has some cases always, and of the others as many as there is time for: the seed
// picks them, so that each is in some runs.

// sampleSeconds is how long a short run may take, by what its cases usually take.
const sampleSeconds = 220

// cornerstones are the cases that each short run has.
var cornerstones = []string{
	"TestHostileCRMs", "TestProcessKilledBetweenTwoSteps", "TestRedisRestartedEmpty", "TestRetryQueueSurvivesTheDeathOfEverything",
	"TestSuiteSeesOffsetsCommittedEarly", "TestSuiteSeesThatTwoInstancesAttemptAtOnce",
}

// seconds is what cases take in a short run, if it is not about usualSeconds.
var seconds = map[string]int{
	"TestHostileCRMs": 35, "TestProcessKilledAtRandomMoments": 25, "TestProcessKilledBetweenTwoSteps": 25, "TestRedisRestartedEmpty": 10,
	"TestRetryQueueSurvivesTheDeathOfEverything": 25, "TestProcessStoppedPastItsSession": 30, "TestProcessesRestartedOneByOne": 30,
	"TestFullInstanceCutOffFromKafka": 35, "TestFullKafkaKilledAndRestarted": 40, "TestFullKafkaAwayForAMinute": 35,
	"TestFullProcessKilledWithTheUsualSession": 25, "TestFullOperatorsAtOnce": 25, "TestFullFillerKilled": 25, "TestBombsAmongGoodLeads": 25,
	"TestSuiteSeesOffsetsCommittedEarly": 15, "TestSuiteSeesThatRedisIsBelieved": 30, "TestSuiteSeesThatNothingIsConfirmed": 25,
	"TestSuiteSeesThatUnpackingIsNotBounded": 30, "TestSuiteSeesThatTheIsolationIsOff": 40, "TestFullOverload": 50, "TestFullBacklog": 50,
	"TestFullPartitionThatCannotCommit": 55,

	"TestFullBrokersRestartedOneByOne": 60, "TestBrokersCoordinatorKilled": 50, "TestBrokersOnePartitionOfEachKindAway": 60,
	"TestFullBrokersTooFewInSync": 60, "TestFullBrokersWebhooksPartitionAway": 60,

	"TestFullClockOfAnInstance": wholeRuns, "TestFullIsolation": wholeRuns, "TestFullModelOfWebhooksSeesWhatIsBroken": wholeRuns,
	"TestFullRetryQueueWithAHundredThousandWaiting": wholeRuns, "TestFullSuiteSeesThatTenHangingCRMsHoldUpOthers": wholeRuns,
	"TestFullSuiteSeesThatWhatWaitsForUsIsNotCapped": wholeRuns, "TestSoak": wholeRuns,
}

const (
	usualSeconds = 15
	wholeRuns    = 1000 // too long for a short run
)

// secondsOf is what a case takes. A test without a rig takes no time: it is about the suite
// itself.
func secondsOf(name, source string) int {
	if n, known := seconds[name]; known {
		return n
	}
	if !usesServers.MatchString(source) {
		return 0
	}
	return usualSeconds
}

var (
	usesServers = regexp.MustCompile(`newRig|newCrowd|eachIsolation|exec\.Command|wrongClock`)
	testsOf     = regexp.MustCompile(`(?ms)^func (Test\w+)\(t \*testing\.T\) \{.*?^\}|^func (Test\w+)\(t \*testing\.T\) \{[^\n]*\}$`)
)

// A sampled is a case that a run may have.
type sampled struct {
	name    string
	seconds int
}

// allCases are the tests of this directory, in the order of their files.
func allCases(dir string) (all []sampled, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, found := range testsOf.FindAllStringSubmatch(string(source), -1) {
			name := found[1] + found[2]
			all = append(all, sampled{name, secondsOf(name, found[0])})
		}
	}
	return all, nil
}

// sample picks what a short run has with a seed, and what it leaves out.
func sample(all []sampled, seed uint64) (has, leavesOut []sampled) {
	all = slices.Clone(all)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	always := func(c sampled) bool { return c.seconds == 0 || slices.Contains(cornerstones, c.name) }
	slices.SortStableFunc(all, func(a, b sampled) int { // what is always there first
		switch {
		case always(a) == always(b):
			return 0
		case always(a):
			return -1
		}
		return 1
	})
	took := 0
	for _, c := range all {
		if took+c.seconds > sampleSeconds && !always(c) {
			leavesOut = append(leavesOut, c)
			continue
		}
		has, took = append(has, c), took+c.seconds
	}
	return has, leavesOut
}

// leaveOut has a short run leave out what is not in its sample, unless somebody says which
// cases to run.
func leaveOut() error {
	flag.Parse()
	if !short || flag.Lookup("test.run").Value.String() != "" {
		return nil
	}
	all, err := allCases(".")
	if err != nil {
		return err
	}
	has, leavesOut := sample(all, seed)
	took, names := 0, []string{}
	for _, c := range has {
		took += c.seconds
	}
	for _, c := range leavesOut {
		names = append(names, c.name)
	}
	slices.Sort(names)
	fmt.Printf("%s=%d has %d of %d cases, about %d s, and leaves out: %s\n", seedVariable, seed, len(has), len(all), took, strings.Join(names, " "))
	return flag.Set("test.skip", "^("+strings.Join(names, "|")+")$")
}

func TestASampleHasEachCaseNowAndThen(t *testing.T) {
	all, err := allCases(".")
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	const seeds = 300
	for seed := range uint64(seeds) {
		has, leavesOut := sample(all, seed)
		took := 0
		for _, c := range has {
			times[c.name]++
			took += c.seconds
		}
		if took > sampleSeconds || took < sampleSeconds/2 || len(has)+len(leavesOut) != len(all) {
			t.Fatalf("seed %d: %d s, %d cases and %d left out, of %d", seed, took, len(has), len(leavesOut), len(all))
		}
	}
	for _, c := range all {
		if (times[c.name] == 0) != (c.seconds == wholeRuns) {
			t.Errorf("%s, which takes %d s, is in %d of %d samples", c.name, c.seconds, times[c.name], seeds)
		}
	}
	for _, name := range cornerstones {
		if times[name] != seeds {
			t.Errorf("%s is in %d of %d samples", name, times[name], seeds)
		}
	}
}
