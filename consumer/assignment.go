package consumer

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/segmentio/kafka-go"
)

// sameNumbers is the group's balancer: the same partition numbers of every
// topic go to the same member. Since a record keeps the partition number of
// the event that it came from in every topic, an advertiser lives on one
// instance with all its leads.
//
// kafka-go's own range balancer takes partitions in the order of the broker's
// metadata, which nobody promises to be sorted.
type sameNumbers struct {
	// lacking is set when this instance, as the leader, assigns partitions while
	// a topic has none: it does not exist. When it does, and before kafka-go has
	// looked for the first time, nothing would ever bring its partitions in.
	lacking *atomic.Bool
}

// ProtocolName is what the members of a group must agree on. It never changes.
func (sameNumbers) ProtocolName() string { return "leadhook-same-numbers" }

// UserData is empty: the assignment follows from members and partitions alone.
func (sameNumbers) UserData() ([]byte, error) { return nil, nil }

// AssignGroups deals the partition numbers out in turn. While members with
// other topics are in the group, as in a rolling restart with new settings, a
// topic goes only to members that asked for it.
func (b sameNumbers) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	members = slices.SortedFunc(slices.Values(members), func(a, b kafka.GroupMember) int {
		return strings.Compare(a.ID, b.ID)
	})
	partitions = slices.SortedFunc(slices.Values(partitions), func(a, b kafka.Partition) int { return a.ID - b.ID })

	b.lacking.Store(lacks(members, partitions))
	assignments := make(kafka.GroupMemberAssignments, len(members))
	for _, m := range members {
		assignments[m.ID] = make(map[string][]int)
	}
	for _, p := range partitions {
		if m, ok := memberFor(members, p); ok {
			assignments[m.ID][p.Topic] = append(assignments[m.ID][p.Topic], p.ID)
		}
	}
	return assignments
}

// lacks says whether a member asked for a topic that has no partitions.
func lacks(members []kafka.GroupMember, partitions []kafka.Partition) bool {
	there := make(map[string]bool)
	for _, p := range partitions {
		there[p.Topic] = true
	}
	return slices.ContainsFunc(members, func(m kafka.GroupMember) bool {
		return slices.ContainsFunc(m.Topics, func(topic string) bool { return !there[topic] })
	})
}

func memberFor(members []kafka.GroupMember, p kafka.Partition) (kafka.GroupMember, bool) {
	for i := range members {
		m := members[(p.ID+i)%len(members)]
		if slices.Contains(m.Topics, p.Topic) {
			return m, true
		}
	}
	return kafka.GroupMember{}, false
}
