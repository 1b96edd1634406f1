//go:build !broken_ledger

package ledger

// lookupsOff is true only in a build with the tag broken_ledger.
const lookupsOff = false
