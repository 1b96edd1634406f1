// Package ledger remembers how far each delivery got, in Redis and for all
// instances: what survives a crash, a rebalance and an event that is published
// again.
//
// It knows what a mark of a delivery is ([lead.Mark]). It does not know why a
// delivery was made or handed on, nor anything of webhooks, Kafka or sending.
package ledger
