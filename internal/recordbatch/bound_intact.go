//go:build !broken_bound

package recordbatch

// boundOff is true only in a build with the tag broken_bound.
const boundOff = false
