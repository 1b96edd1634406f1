// Package recordbatch reads the batches in which Kafka keeps records, without ever
// unpacking more than a bound: a batch of some KB may unpack to gigabytes. It knows the
// bytes of a batch. It knows no topics, no brokers and no transactions.
package recordbatch
