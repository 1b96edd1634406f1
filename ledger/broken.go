//go:build broken_ledger

package ledger

// off makes a ledger that knows nothing, so that leads come twice that
// need not. It is there for the fault suite, which must notice.
const off = true
