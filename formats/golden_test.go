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

// goldenEvents are the examples that users see (full) and those of testdata, by the kind and
// what is special: minimal has what must be there and no more, untidy has all at once that
// real producers get wrong, and the others have one thing each.
func goldenEvents(t testing.TB) map[string][]byte {
	t.Helper()
	events := map[string][]byte{}
	for _, kind := range kinds {
		events[string(kind)+"-full"] = examples.Event(kind)
	}
	paths, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		value, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		events[strings.TrimSuffix(filepath.Base(path), ".json")] = value
	}
	if most := 3 * len(kinds); len(events) < most {
		t.Fatalf("found %d events in testdata, want at least %d", len(events), most)
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
