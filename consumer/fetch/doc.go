// Package fetch reads partitions of Kafka: one request for all partitions that a broker
// leads, records of committed transactions only, and no more memory than its options say,
// however many partitions there are and whatever a record unpacks to. It knows no groups
// and no offsets to commit, and not what a record means.
package fetch
