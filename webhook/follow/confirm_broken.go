//go:build broken_confirm

package follow

// confirmsNothing breaks the Follower on purpose: it does not ask whether something was
// changed that this process has not seen yet. The fault suite builds leadhook with it,
// and must notice.
const confirmsNothing = true
