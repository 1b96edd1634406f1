//go:build !broken_ledger

package ledger

// off is what the build tag broken_ledger breaks: see broken.go.
const off = false
