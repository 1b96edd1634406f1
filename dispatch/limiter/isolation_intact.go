//go:build !broken_isolation

package limiter

// isolationOff is true only in a build with the tag broken_isolation.
const isolationOff = false
