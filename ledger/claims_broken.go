//go:build broken_claims

package ledger

// claimsOff breaks the ledger on purpose: nothing is claimed, so that two instances may
// attempt a delivery at the same time. The tests, built with it, must notice.
const claimsOff = true
