//go:build !broken_ledger

package ledger

// ledgerOff is what the build tag broken_ledger breaks: see broken.go.
const ledgerOff = false
