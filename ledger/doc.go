// Package ledger remembers how far each delivery got, in Redis and for all instances.
// So a delivery is not repeated after a crash or a rebalance, or if its event is
// published again.
//
// It knows what a mark of a delivery is ([lead.Mark]). It does not know why a
// delivery was made or handed on (to the retry queue or the dead letters), nor
// anything of webhooks, Kafka or sending.
package ledger
