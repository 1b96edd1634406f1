//go:build !broken_lanes

package dispatch

// lanesOff is what the build tag broken_lanes breaks: see broken.go.
const lanesOff = false
