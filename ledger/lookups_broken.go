//go:build broken_ledger

package ledger

// lookupsOff breaks the ledger on purpose: every look-up finds nothing, so that
// deliveries are made twice without need. The fault suite builds leadhook with it,
// and must notice.
const lookupsOff = true
