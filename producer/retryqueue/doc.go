// Package retryqueue keeps deliveries in Kafka until their next attempt is due:
// in the retry topics, in each of which all records wait equally long.
//
// It knows in which of the topics a delivery spends its wait, and reads such a
// record back. Why a delivery has to wait and for how long, and when the topics
// are read, it leaves to others.
package retryqueue
