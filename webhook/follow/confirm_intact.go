//go:build !broken_confirm

package follow

// confirmsNothing is true only in a build with the tag broken_confirm.
const confirmsNothing = false
