//go:build broken_ledger

package ledger

// lookupsOff makes every look-up find nothing, so that deliveries are made twice
// without need. The fault suite must notice.
const lookupsOff = true
