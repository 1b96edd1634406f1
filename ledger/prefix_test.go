package ledger_test

import (
	"strings"
	"testing"
	"time"

	"github.com/leadhook/leadhook/ledger"
)

func TestLedgersWithTwoPrefixesShareARedis(t *testing.T) {
	runLedger(t, ledger.Options{}, func(t *testing.T, r *ledgerRig) {
		r.ledger.Note("1", delivery("1", "a"), 7)
		r.flush()
		for _, key := range r.server.Keys() { // an upgrade must find the marks of the version before
			if !strings.HasPrefix(key, "leadhook:{0}:delivered:") && !strings.HasPrefix(key, "leadhook:{0}:handed-on:") {
				t.Errorf("the key %s is not one of the default prefix", key)
			}
		}
		r.opts.Prefix = "leads-eu"
		r.another(func(other *ledgerRig) {
			other.reached("1", delivery("1", "a"), 0, time.Second)
			other.ledger.Note("1", delivery("1", "a"), 9)
			other.flush()
		})
		r.reached("1", delivery("1", "a"), 7, time.Second)
	})
}
