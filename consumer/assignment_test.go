package consumer

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
)

func TestSameNumbersOfEveryTopicGoToTheSameMember(t *testing.T) {
	topics := []string{"leads", "leads.retry.1m", "leads.dlq"}
	var members []kafka.GroupMember
	for _, id := range []string{"c", "a", "b"} {
		members = append(members, kafka.GroupMember{ID: id, Topics: topics})
	}
	var partitions []kafka.Partition
	for _, topic := range topics {
		for n := range 7 {
			partitions = append(partitions, kafka.Partition{Topic: topic, ID: n})
		}
	}
	first := balancer().AssignGroups(members, partitions)
	for range 20 { // in whatever order members and metadata come
		rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		rand.Shuffle(len(partitions), func(i, j int) { partitions[i], partitions[j] = partitions[j], partitions[i] })
		if diff := cmp.Diff(first, balancer().AssignGroups(members, partitions)); diff != "" {
			t.Fatalf("the assignment depends on the order:\n%s", diff)
		}
	}
	var all []int
	for id, assigned := range first {
		if n := len(assigned["leads"]); n < 2 || n > 3 {
			t.Errorf("member %s has %d of 7 partitions", id, n)
		}
		for _, topic := range topics {
			if !slices.Equal(assigned[topic], assigned["leads"]) {
				t.Errorf("member %s has %v of leads and %v of %s", id, assigned["leads"], assigned[topic], topic)
			}
		}
		all = append(all, assigned["leads"]...)
	}
	slices.Sort(all)
	if want := []int{0, 1, 2, 3, 4, 5, 6}; !slices.Equal(all, want) {
		t.Errorf("assigned are %v, want each of %v once", all, want)
	}
}

func TestATopicGoesOnlyToMembersThatAskedForIt(t *testing.T) {
	members := []kafka.GroupMember{{ID: "old", Topics: []string{"leads"}}, {ID: "new", Topics: []string{"leads", "more"}}}
	partitions := []kafka.Partition{{Topic: "leads"}, {Topic: "leads", ID: 1}, {Topic: "more"}, {Topic: "more", ID: 1}}
	got := balancer().AssignGroups(members, partitions)
	if n := len(got["old"]["more"]); n != 0 {
		t.Errorf("the member that did not ask for it has %d partitions", n)
	}
	if n := len(got["new"]["more"]); n != 2 {
		t.Errorf("the member that asked for it has %d of 2 partitions", n)
	}
}

func balancer() sameNumbers { return sameNumbers{missing: new(atomic.Bool)} }

func TestAnAssignmentWithoutATopicIsNoticed(t *testing.T) {
	members := []kafka.GroupMember{{ID: "a", Topics: []string{"leads", "leads.retry.1m"}}}
	b := balancer()
	b.AssignGroups(members, []kafka.Partition{{Topic: "leads"}})
	if !b.missing.Load() {
		t.Error("an assignment without leads.retry.1m passed for whole")
	}
	b.AssignGroups(members, []kafka.Partition{{Topic: "leads"}, {Topic: "leads.retry.1m"}})
	if b.missing.Load() {
		t.Error("an assignment with all topics passed for missing one")
	}
}
