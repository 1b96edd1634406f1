// Package retryqueue keeps deliveries in Kafka until their next attempt is due, in
// the retry topics. All records of one retry topic wait equally long.
//
// It chooses the topic in which a delivery waits, and reads such a record back. It
// does not know why a delivery waits and for how long, nor when the topics are read.
package retryqueue
