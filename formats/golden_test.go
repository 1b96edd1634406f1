package formats_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/examples"
	"github.com/leadhook/leadhook/formats"
	"github.com/leadhook/leadhook/lead"
)

var update = flag.Bool("update", false, "write the golden files anew")

var kinds = []lead.Kind{lead.KindCall, lead.KindChat, lead.KindForm, lead.KindEmail}

// published is when the events of the golden tests were published.
var published = time.Date(2026, 11, 23, 16, 16, 3, 999e6, time.FixedZone("", -6*3600))

// goldenEvents are the events of each kind: full is the example that users see,
// minimal has what must be there and no more, untidy has all at once that real
// producers get wrong.
func goldenEvents(t testing.TB) map[string][]byte {
	t.Helper()
	events := map[string][]byte{}
	for _, kind := range kinds {
		events[string(kind)+"-full"] = examples.Event(kind)
		for _, state := range []string{"minimal", "untidy"} {
			name := string(kind) + "-" + state
			value, err := os.ReadFile(filepath.Join("testdata", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			events[name] = value
		}
	}
	return events
}

func TestGolden(t *testing.T) {
	for name, event := range goldenEvents(t) {
		t.Run(name, func(t *testing.T) {
			ev := decode(t, string(event))
			ev.Received = published
			adf := &lead.Webhook{Format: lead.ADF}
			if kind, _, _ := strings.Cut(name, "-"); kind != string(ev.Kind) {
				t.Fatalf("the event is a %s, want a %s", ev.Kind, kind)
			}
			if ev.Kind == lead.KindChat {
				adf.VendorName, adf.ProviderName = "Söhne & Co.", `Autos "R" us`
			}
			render(t, ev, adf)
			compare(t, formats.Render(ev, adf, provider), "application/xml; charset=utf-8", "adf")
			compare(t, formats.Render(ev, &lead.Webhook{Format: lead.JSON}, provider), "application/json", "json")
		})
	}
}

func compare(t *testing.T, body formats.Body, contentType, format string) {
	t.Helper()
	if body.ContentType != contentType {
		t.Errorf("got Content-Type %q, want %q", body.ContentType, contentType)
	}
	_, name, _ := strings.Cut(t.Name(), "/")
	path := filepath.Join("testdata", name+"."+format+".golden")
	if *update {
		if err := os.WriteFile(path, body.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(body.Bytes())); diff != "" {
		t.Errorf("%s: want (-), got (+); if the change is meant, run the test with -update:\n%s", path, diff)
	}
}
