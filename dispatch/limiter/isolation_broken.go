//go:build broken_isolation

package limiter

// isolationOff lets every webhook have every attempt, so that a CRM which hangs
// holds up all others. It is there for the fault suite, which must notice.
const isolationOff = true
