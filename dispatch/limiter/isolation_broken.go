//go:build broken_isolation

package limiter

// isolationOff breaks the limiter on purpose: one webhook may use all attempts, so
// that a CRM that hangs holds up all others, and a CRM that answers 429 is called on.
// The fault suite builds leadhook with it, and must notice.
const isolationOff = true
