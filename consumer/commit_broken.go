//go:build broken_commit

package consumer

// commitsEarly breaks the consumer on purpose: it commits every fetched offset,
// settled or not, so that it loses leads when it is killed. The fault suite
// builds leadhook with it, and must notice.
const commitsEarly = true
