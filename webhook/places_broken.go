//go:build broken_places

package webhook

// believesRedis breaks the cache on purpose: it takes what Redis has, however old that
// is, so that a lead is settled on webhooks that were changed before. The fault suite
// builds leadhook with it, and must notice.
const believesRedis = true
