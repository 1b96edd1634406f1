package samplecrm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/internal/samplecrm"
)

func TestOrders(t *testing.T) {
	for text, want := range map[string]string{
		"healthy": "healthy", " Healthy\n": "healthy", "200": "200", "401": "401", "599": "599",
		"429": "429 30s", "429 2m": "429 2m", "503": "503", "503 90s": "503 1m30s", "429 500ms": "429 500ms",
		"slow": "slow 5s", "slow 1h": "slow 1h", "SLOW 24h0m0s": "slow 24h", "hang": "hang",
		"Zoho": "zoho", "soap-fault": "soap-fault", " soap-fault  200": "soap-fault 200",
	} {
		got, err := samplecrm.ParseAnswerMode(text)
		if err != nil || got.String() != want {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
			continue
		}
		if again, err := samplecrm.ParseAnswerMode(got.String()); err != nil || again.String() != want {
			t.Errorf("%q read again: got %q, %v", got, again, err)
		}
	}
}

func TestOrdersThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"": "status from 200 to 599", "broken": "hang", "199": "status", "600": "status", "-1": "status", "4294967696": "status",
		"401 30s": "Retry-After", "healthy 5s": "Retry-After", "hang 5s": "Retry-After", "429 soon": "not a time", "429 -1s": "not a time",
		"slow 0s": "not a time", "slow 25h": "not a time", "429 1s 2s": "status", "5xx": "status", "soap-fault 204": "not a time", "salesforce": "apps-script, close-silently, cloudflare,",
	} {
		if got, err := samplecrm.ParseAnswerMode(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %q, %v, want an error with %q", text, got, err, want)
		}
	}
}

// TestAllSystemsCanBeChosen: on the page too.
func TestAllSystemsCanBeChosen(t *testing.T) {
	script, err := os.ReadFile(filepath.Join("page", "page.js"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range samplecrm.Systems() {
		if mode, err := samplecrm.ParseAnswerMode(name); err != nil || mode.String() != name || !strings.Contains(string(script), "'"+name+"'") {
			t.Errorf("%s: got %q, %v, want it to be an answer mode, and a choice on the page", name, mode, err)
		}
	}
}

func FuzzParseAnswerMode(f *testing.F) {
	for _, seed := range []string{"healthy", "429 30s", "slow", "hang", "503 1h", "599 ", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		order, err := samplecrm.ParseAnswerMode(text)
		if err != nil {
			return
		}
		if again, err := samplecrm.ParseAnswerMode(order.String()); err != nil || again.String() != order.String() {
			t.Errorf("%q is %q, and that is %q, %v", text, order, again, err)
		}
	})
}
