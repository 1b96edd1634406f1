package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// listed is what a list of two things looks like.
func listed(t *testing.T, format string) string {
	t.Helper()
	var out bytes.Buffer
	l := OutputFlag{Output: format}.List(&Terminal{Stdout: &out}, "NAME", "WHY")
	for _, cells := range [][2]string{{"a&b", "not found"}, {"longer", "tab\tnew\nline \x1b[31mred é"}} {
		value := struct {
			Name string `json:"name"`
			Why  string `json:"why,omitempty"`
			None string `json:"none,omitempty"`
		}{Name: cells[0], Why: cells[1]}
		if err := l.Add(value, cells[0], cells[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.End(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestListsForPeopleAndPrograms(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"table": "NAME    WHY\na&b     not found\nlonger  tab\\tnew\\nline \\x1b[31mred é\n",
		"json":  `{"name":"a&b","why":"not found"}` + "\n" + `{"name":"longer","why":"tab\tnew\nline \u001b[31mred é"}` + "\n",
		"yaml":  "---\nname: a&b\nwhy: not found\n---\nname: longer\nwhy: \"tab\\tnew\\nline \\x1b[31mred é\"\n",
	} {
		if diff := cmp.Diff(want, listed(t, format)); diff != "" {
			t.Errorf("%s: want (-), got (+):\n%s", format, diff)
		}
	}
}

func TestAnEmptyListIsNothing(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"table", "json", "yaml"} {
		var out bytes.Buffer
		l := OutputFlag{Output: format}.List(&Terminal{Stdout: &out}, "NAME")
		if err := l.End(); err != nil || out.Len() != 0 {
			t.Errorf("%s: got %q and %v, want nothing", format, &out, err)
		}
	}
}

// TestAListIsWrittenBlockByBlock reads the first row of many long before the last.
func TestAListIsWrittenBlockByBlock(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := OutputFlag{Output: "table"}.List(&Terminal{Stdout: &out}, "N")
	for i := range tableBlock {
		if err := l.Add(i, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(out.String(), "\n"); got != tableBlock+1 {
		t.Errorf("got %d lines before the end, want %d and the heading", got, tableBlock)
	}
}

// TestYAMLSaysWhatJSONSays has any text in it.
func TestYAMLSaysWhatJSONSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type inner struct {
			Text string   `json:"text"`
			List []string `json:"list"`
		}
		value := map[string]any{
			"in": inner{rapid.String().Draw(t, "text"), rapid.SliceOf(rapid.String()).Draw(t, "list")},
			"n":  rapid.Int().Draw(t, "n"), "yes": true,
		}
		var asJSON, asYAML bytes.Buffer
		for format, out := range map[string]*bytes.Buffer{"json": &asJSON, "yaml": &asYAML} {
			if err := encode(out, format, value); err != nil {
				t.Fatal(err)
			}
		}
		var want, got struct {
			In  inner
			N   int
			Yes bool
		}
		if err := json.Unmarshal(asJSON.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(asYAML.Bytes(), &got); err != nil {
			t.Fatalf("%v:\n%s", err, &asYAML)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("JSON (-), YAML (+):\n%s%q", diff, &asYAML)
		}
	})
}
