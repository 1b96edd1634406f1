// Package topic reads and appends the records of a Kafka topic with one partition:
// where its log begins and ends, what is in it from an offset on, and new records. It
// is for the compacted topic of webhooks, which everybody reads from its beginning to
// its end and then follows.
//
// It knows Kafka, and not what the records mean. It never retries: an error says what
// is wrong, and whoever asked decides whether to ask again.
//
// A compacted log has holes, some of them at its very end, where the last record was a
// tombstone. So [Topic.Fetch] says where to go on, and no offset can be expected to have
// a record. Records of transactions, of which leadhook has none, count like others,
// even if their transaction was aborted: what is acknowledged must never wait for a
// transaction of somebody else.
package topic
