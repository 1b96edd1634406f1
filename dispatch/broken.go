//go:build broken_lanes

package dispatch

// lanesOff makes one lane of all, so that a CRM which hangs holds up every
// other. It is there for the fault suite, which must notice.
const lanesOff = true
