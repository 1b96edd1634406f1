package formats_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/examples"
	"github.com/leadhook/leadhook/formats"
	"github.com/leadhook/leadhook/lead"
)

const receivers = "../docs/receivers.md"

func readReceivers(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(receivers)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReceiversShowsTheBodies renders what docs/receivers.md shows.
func TestReceiversShowsTheBodies(t *testing.T) {
	ev := decode(t, string(examples.Event(lead.KindForm)))
	text := readReceivers(t)
	now := text
	for _, shown := range []struct {
		format    lead.Format
		name, tag string
	}{{lead.JSON, "JSON", "json"}, {lead.ADF, "ADF", "xml"}} {
		body := string(formats.Render(ev, &lead.Webhook{Format: shown.format}, provider).Bytes())
		block := regexp.MustCompile("(?s)(<!-- examples/events/form.json as " + shown.name + "[^\n]*\n```" + shown.tag + "\n).*?```\n")
		if n := len(block.FindAllString(now, -1)); n != 1 {
			t.Fatalf("%s has %d blocks for %s, want 1", receivers, n, shown.name)
		}
		body = strings.TrimSpace(body) + "\n```\n"
		now = block.ReplaceAllString(now, "${1}"+strings.ReplaceAll(body, "$", "$$"))
	}
	if *update {
		if err := os.WriteFile(receivers, []byte(now), 0o600); err != nil {
			t.Fatal(err)
		}
		text = now
	}
	if diff := cmp.Diff(text, now); diff != "" {
		t.Errorf("%s is not what is rendered; run the test with -update (-file +rendered):\n%s", receivers, diff)
	}
}

var name = regexp.MustCompile("`([a-z0-9_/]+)`")

// table returns the names in the first column of the table that begins so. One
// that begins with / is within the first of its row.
func table(t *testing.T, text, heading string) []string {
	t.Helper()
	_, rows, ok := strings.Cut(text, "\n| "+heading)
	if !ok {
		t.Fatalf("%s has no table of %s", receivers, heading)
	}
	_, rows, _ = strings.Cut(rows, "\n| --- |")
	rows, _, _ = strings.Cut(rows, "\n\n")
	var names []string
	for row := range strings.Lines(rows) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " |")
		within := ""
		for i, match := range name.FindAllStringSubmatch(cell, -1) {
			if i == 0 {
				within = match[1]
			}
			if strings.HasPrefix(match[1], "/") {
				match[1] = within + match[1]
			}
			names = append(names, match[1])
		}
	}
	slices.Sort(names)
	return names
}

// TestReceiversListsEveryField compares the tables of fields with the examples,
// which have all.
func TestReceiversListsEveryField(t *testing.T) {
	fields := map[string]map[string]bool{}
	for _, kind := range kinds {
		ev := decode(t, string(examples.Event(kind)))
		collect(t, fields, "lead", ev.Lead)
	}
	text := readReceivers(t)
	for _, object := range []string{"lead", "contact", "call", "chat", "form"} {
		want := slices.Sorted(maps.Keys(fields[object]))
		if diff := cmp.Diff(want, table(t, text, "field of `"+object+"`")); diff != "" {
			t.Errorf("the fields of %s (-examples +%s):\n%s", object, receivers, diff)
		}
	}
}

// collect notes the names of an object's members, and of the objects in it.
func collect(t *testing.T, fields map[string]map[string]bool, object string, raw []byte) {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		t.Fatal(err)
	}
	if fields[object] == nil {
		fields[object] = map[string]bool{}
	}
	for member, value := range members {
		fields[object][member] = true
		if member != "extra_fields" && bytes.HasPrefix(value, []byte("{")) {
			collect(t, fields, member, value)
		}
	}
}

// TestReceiversListsEveryElement compares the table of ADF with what is
// rendered of all golden events.
func TestReceiversListsEveryElement(t *testing.T) {
	elements := map[string]bool{}
	for _, event := range goldenEvents(t) {
		body := formats.Render(decode(t, string(event)), &lead.Webhook{Format: lead.ADF}, provider)
		for _, path := range elementsOf(t, body.Bytes()) {
			elements[path] = true
		}
	}
	listed := table(t, readReceivers(t), "element of `prospect`")
	if diff := cmp.Diff(slices.Sorted(maps.Keys(elements)), listed); diff != "" {
		t.Errorf("the elements of ADF (-rendered +%s):\n%s", receivers, diff)
	}
}

// elementsOf are the paths of all elements below the prospect.
func elementsOf(t *testing.T, adf []byte) []string {
	t.Helper()
	var paths, open []string
	decoder := xml.NewDecoder(bytes.NewReader(adf))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return paths
		}
		if err != nil {
			t.Fatal(err)
		}
		switch element := token.(type) {
		case xml.StartElement:
			open = append(open, element.Name.Local)
			if len(open) > 2 {
				paths = append(paths, strings.Join(open[2:], "/"))
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
}
