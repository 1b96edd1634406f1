//go:build broken_caps

package producer

// neverMoves breaks the producer on purpose: whatever waits for a partition that is
// away waits there, until it fills everything that may be open. The fault suite builds
// leadhook with it, and must notice.
const neverMoves = true
