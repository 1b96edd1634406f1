// Package consumer reads from Kafka: it is a member of a consumer group, reads
// the partitions that the group assigns to this instance, hands every message
// to a [Handler], and commits the offsets of settled messages.
//
// An offset is committed only when every message up to it is settled, in
// whatever order the messages are settled. A budget bounds the open messages of
// all partitions together; while it is used up, nothing is fetched. The package
// does not know what a message means; the Handler does.
package consumer
