package seedfile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/internal/urltest"
	"github.com/leadhook/leadhook/webhook/seedfile"
)

func TestHostileURLsAreNotSeeded(t *testing.T) {
	options := seedfile.Options{CheckURL: attempt.NewGuard(attempt.GuardOptions{}).CheckURL}
	for _, kind := range []string{"host", "form", "address", "good"} {
		for _, raw := range urltest.Of(kind) {
			file := strings.Replace(minimal(), "https://crm.example.com/leads", fmt.Sprintf("%+q", raw), 1)
			hooks, err := seedfile.Parse(t.Context(), "seed.yaml", []byte(file), options)
			switch {
			case kind == "good" && (err != nil || hooks[0].Webhook().URL != raw):
				t.Errorf("%q: got %v, %v, want it accepted as it is", raw, hooks, err)
			case kind != "good" && (err == nil || !strings.Contains(err.Error(), "seed.yaml:4:10: url")):
				t.Errorf("%s %q: got %v, want a fault of the url", kind, raw, err)
			}
		}
	}
}
