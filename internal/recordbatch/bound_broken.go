//go:build broken_bound

package recordbatch

// boundOff breaks leadhook on purpose: it unpacks records of any size, so that one of
// them can take all memory. A test is built with it, and must notice.
const boundOff = true
