package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/leadhook/leadhook/config"
)

// Whatever a file and a variable hold: Load neither panics nor hangs, each
// fault has a place, and what was loaded is loaded again from how it is shown.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range append(files, "../examples/leadhook.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "HTTP_TIMEOUT=20s")
	}
	f.Add([]byte("http: {allow_cidrs: [10.0.0.0/8], timeout: 7d}\n"), `KAFKA_GROUP=a"b: #c`)
	f.Fuzz(func(t *testing.T, text []byte, variable string) {
		file := secretFile(t, t.TempDir(), "leadhook.yaml", string(text))
		loaded, err := config.Load(file, []string{"LEADHOOK_" + variable})
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.HasPrefix(line, file) && !strings.HasPrefix(line, "LEADHOOK_") {
					t.Errorf("a fault without a place: %q", line)
				}
			}
			return
		}
		var shown bytes.Buffer
		if err := loaded.Write(&shown); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(shown.String(), "***") {
			return // masks are refused
		}
		again, err := config.Load(secretFile(t, t.TempDir(), "shown.yaml", shown.String()), nil)
		if err != nil {
			t.Fatalf("%v\nin:\n%s", err, &shown)
		}
		if diff := cmp.Diff(loaded.Config, again.Config, cmpopts.EquateEmpty(), cmp.Comparer(samePrefix)); diff != "" {
			t.Errorf("loaded, shown, loaded again (-first +second):\n%s\n%s", diff, &shown)
		}
	})
}
