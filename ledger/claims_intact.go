//go:build !broken_claims

package ledger

// claimsOff is true only in a build with the tag broken_claims.
const claimsOff = false
