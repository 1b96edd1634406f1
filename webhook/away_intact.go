//go:build !broken_caps

package webhook

// alwaysWaits is true only in a build with the tag broken_caps.
const alwaysWaits = false
