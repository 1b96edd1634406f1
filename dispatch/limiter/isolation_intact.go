//go:build !broken_isolation

package limiter

// isolationOff is true in builds with the tag broken_isolation: see
// isolation_broken.go.
const isolationOff = false
