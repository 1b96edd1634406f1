//go:build !broken_caps

package producer

// neverMoves is true only in a build with the tag broken_caps.
const neverMoves = false
