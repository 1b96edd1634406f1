package limiter

import "time"

// A host is where webhooks of many advertisers may live: scheme, host and
// port. All of it is guarded by the mu of Limiter.
type host struct {
	lanes        int                  // on it
	told         map[string]time.Time // advertisers that were told it is too much, and when; at most tellers
	loweredUntil time.Time
}

const (
	tellers  = 3           // so many advertisers must be told within hostSpan
	hostSpan = time.Minute // and for so long the host is spared then
)

// overloaded notes that an advertiser's webhook was told that it is too much.
// One advertiser may have used up what it has bought; only when several are
// told so, it is the host that has too much to do.
func (h *host) overloaded(advertiser string, now time.Time) {
	for other, at := range h.told {
		if now.Sub(at) >= hostSpan {
			delete(h.told, other)
		}
	}
	if h.told == nil {
		h.told = make(map[string]time.Time, tellers)
	}
	h.told[advertiser] = now
	if len(h.told) >= tellers {
		clear(h.told)
		h.loweredUntil = now.Add(hostSpan)
	}
}

// lowered reports whether each webhook on the host is to be called by one attempt
// at a time.
func (h *host) lowered(now time.Time) bool { return now.Before(h.loweredUntil) }
