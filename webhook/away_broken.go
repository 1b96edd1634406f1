//go:build broken_caps

package webhook

// alwaysWaits breaks the cache on purpose: whatever waits for a part of Redis that is
// away waits there, until it fills everything that may be open. The tests build leadhook
// with it, and must notice.
const alwaysWaits = true
