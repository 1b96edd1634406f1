package consumer

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/segmentio/kafka-go"
)

// sameNumbers is the group's balancer: it assigns the same partition numbers of
// every topic to the same member. A record keeps the partition number of its
// event in every topic, so that one instance has all leads of an advertiser.
//
// kafka-go's own range balancer takes partitions in the order of the broker's
// metadata, which need not be sorted.
type sameNumbers struct {
	// missing is set when this instance, as the group's leader, assigns
	// partitions although a topic does not exist. kafka-go rebalances only when
	// it sees the number of partitions change. If the topic is created before
	// kafka-go looks for the first time, it sees no change, and the partitions
	// would never be assigned.
	missing *atomic.Bool
}

// ProtocolName is the name on which all members of a group must agree. It never
// changes.
func (sameNumbers) ProtocolName() string { return "leadhook-same-numbers" }

// UserData returns nothing: the assignment follows from members and partitions
// alone.
func (sameNumbers) UserData() ([]byte, error) { return nil, nil }

// AssignGroups assigns the partition numbers to the members in turn. Members may
// subscribe to different topics, as in a rolling restart with new settings; a
// topic is assigned only to members that subscribe to it.
func (b sameNumbers) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	members = slices.SortedFunc(slices.Values(members), func(a, b kafka.GroupMember) int {
		return strings.Compare(a.ID, b.ID)
	})
	partitions = slices.SortedFunc(slices.Values(partitions), func(a, b kafka.Partition) int { return a.ID - b.ID })

	b.missing.Store(topicMissing(members, partitions))
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

// topicMissing reports whether a member subscribes to a topic that has no
// partitions.
func topicMissing(members []kafka.GroupMember, partitions []kafka.Partition) bool {
	exists := make(map[string]bool)
	for _, p := range partitions {
		exists[p.Topic] = true
	}
	return slices.ContainsFunc(members, func(m kafka.GroupMember) bool {
		return slices.ContainsFunc(m.Topics, func(topic string) bool { return !exists[topic] })
	})
}

// memberFor returns the member that p is assigned to, and false if no member
// subscribes to its topic.
func memberFor(members []kafka.GroupMember, p kafka.Partition) (kafka.GroupMember, bool) {
	for i := range members {
		m := members[(p.ID+i)%len(members)]
		if slices.Contains(m.Topics, p.Topic) {
			return m, true
		}
	}
	return kafka.GroupMember{}, false
}
