// Package consumer is Kafka in: it takes part in a consumer group, reads the
// partitions that the group gives to this instance, hands every message to a
// [Handler], and commits what is settled.
//
// An offset is committed only when every message up to it is settled, in
// whatever order the messages were settled. Not fetching is the back-pressure:
// a budget bounds what is open over all partitions. The package knows nothing
// of what a message means; the Handler does.
package consumer
