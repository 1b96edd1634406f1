package lead_test

import (
	"strings"
	"testing"

	"github.com/leadhook/leadhook/lead"
)

func TestShownURL(t *testing.T) {
	for raw, want := range map[string]string{
		"":                                     "",
		"https://crm.example.com":              "https://crm.example.com",
		"https://crm.example.com/":             "https://crm.example.com/",
		"https://crm.example.com/leads":        "https://crm.example.com/leads",
		"https://crm.example.com/leads/":       "https://crm.example.com/leads/",
		"https://crm.example.com:8443/leads/s": "https://crm.example.com:8443/leads/***",
		"https://crm.example.com/hooks/secret": "https://crm.example.com/hooks/***",
		"https://crm.example.com/hooks/a/b/":   "https://crm.example.com/hooks/***",
		"https://crm.example.com/hooks?":       "https://crm.example.com/hooks?",
		"https://crm.example.com/hooks?secret": "https://crm.example.com/hooks?***",
		"https://crm.example.com?secret":       "https://crm.example.com?***",
		"https://crm.example.com/a/s?secret":   "https://crm.example.com/a/***?***",
		"https://crm.example.com/a?b/secret":   "https://crm.example.com/a?***",
		"https://crm.example.com//secret":      "https://crm.example.com//***",
		"https://crm.example.com/a%2Fsecret":   "https://crm.example.com/a%2F***",
		"https://crm.example.com/a%2fsecret/b": "https://crm.example.com/a%2f***",
		"https://crm.example.com/a;secret/b":   "https://crm.example.com/a;***",
		"https://crm.example.com/a#secret":     "https://crm.example.com/a",
		"https://u:secret@crm.example.com/a/s": "https://***@crm.example.com/a/***",
		"https://u:secret@crm.example.com":     "https://***@crm.example.com",
		"https://crm.example.com/@x":           "https://crm.example.com/@x",
		"/leads/secret":                        "/leads/***",
		"//crm.example.com/secret":             "//***",
	} {
		got := lead.ShownURL(raw)
		if got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
		if path, query := lead.HiddenOfURL(raw); strings.Contains(raw, "secret") && !strings.ContainsAny(raw, "@#") && !strings.Contains(path+query, "secret") {
			t.Errorf("%s: got %q and %q hidden", raw, path, query)
		}
	}
}
