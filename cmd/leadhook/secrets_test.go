package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/webhook/seal"
)

// What new-key prints is taken as a setting as it is, from a pipe into a file too.
func TestANewKeyIsASetting(t *testing.T) {
	t.Parallel()
	first, second := newKey(t), newKey(t)
	if first == second {
		t.Fatal("the same key twice")
	}
	file := filepath.Join(t.TempDir(), "leadhook.keys")
	if err := os.WriteFile(file, []byte(second+first), 0o600); err != nil {
		t.Fatal(err)
	}
	for entry, shown := range map[string]string{
		"LEADHOOK_SECRETS_KEYS=" + strings.TrimSpace(first): "keys: [\"*** (id " + idOf(t, first) + ")\"]",
		"LEADHOOK_SECRETS_KEYS_FILE=" + file:                "keys_file: " + file,
	} {
		got := alone([]string{entry}, "config")
		if got.code != exitDone || !strings.Contains(got.out, shown) || strings.Contains(got.out, first[5:20]) {
			t.Errorf("got exit code %d and\n%s%swant %s, and no key", got.code, got.out, got.errs, shown)
		}
	}
}

// newKey makes a key, and looks at what is said about it.
func newKey(t *testing.T) string {
	t.Helper()
	got := alone([]string{"LEADHOOK_LOG_LEVEL=of no use"}, "secrets", "new-key") // it reads no settings
	if got.code != exitDone || strings.Count(got.out, "\n") != 1 {
		t.Fatalf("got exit code %d and\n%s%swant one line", got.code, got.out, got.errs)
	}
	if !containsAll(got.errs, idOf(t, got.out), "secrets.keys", "LEADHOOK_SECRETS_KEYS", "secrets.keys_file", "Keep a copy") ||
		strings.Contains(got.errs, got.out[5:20]) {
		t.Errorf("got\n%swant its id, where it belongs and how to keep it, and not the key", got.errs)
	}
	return got.out
}

func idOf(t *testing.T, text string) string {
	t.Helper()
	key, err := seal.ParseKey(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	return key.ID()
}
