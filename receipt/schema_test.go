package receipt_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/receipt"
)

func readSchema(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile("../docs/receipt.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

func compiled(t *testing.T, schema map[string]any) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	if err := c.AddResource("receipt.schema.json", schema); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("receipt.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTheSchemaDescribesEveryReceipt validates whatever can be written, of each type, against
// the schema without what it says nothing of.
func TestTheSchemaDescribesEveryReceipt(t *testing.T) {
	t.Parallel()
	schema := readSchema(t)
	schema["additionalProperties"] = false
	for _, name := range []string{"declined", "offsets", "delivery", "attempt"} {
		schema["$defs"].(map[string]any)[name].(map[string]any)["additionalProperties"] = false
	}
	strict := compiled(t, schema)
	rapid.Check(t, func(rt *rapid.T) {
		b := anyReceipt(rt).Append(nil)
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
		if err == nil {
			err = strict.Validate(v)
		}
		if err != nil {
			rt.Fatalf("%v\n%s", err, b)
		}
	})
}

// TestTheSchemaHasTheSameWords compares what the schema lists with what there is.
func TestTheSchemaHasTheSameWords(t *testing.T) {
	t.Parallel()
	schema := readSchema(t)
	listed := func(path ...string) []string {
		var at any = schema
		for _, key := range path {
			at = at.(map[string]any)[key]
		}
		var words []string
		for _, word := range at.(map[string]any)["enum"].([]any) {
			words = append(words, word.(string))
		}
		return words
	}
	for _, c := range []struct{ name, got, want any }{
		{"type", listed("properties", "type"), texts(receipt.Types)},
		{"outcome", listed("properties", "outcome"), texts(receipt.EventOutcomes)},
		{"outcome of a delivery", listed("$defs", "delivery", "properties", "outcome"), texts(receipt.DeliveryOutcomes)},
		{"outcome of an attempt", listed("$defs", "attempt", "properties", "outcome"), texts(receipt.AttemptOutcomes)},
		{"cause", listed("$defs", "attempt", "properties", "cause"), texts(lead.Causes)},
		{"reason", listed("$defs", "reason"), texts(lead.Reasons())},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: code (-), schema (+):\n%s", c.name, diff)
		}
	}
}

func texts[T ~string](all []T) []string {
	var words []string
	for _, word := range all {
		words = append(words, string(word))
	}
	return words
}

// TestTheSchemaRefusesWhatParseRefuses also keeps the schema from accepting anything.
func TestTheSchemaRefusesWhatParseRefuses(t *testing.T) {
	t.Parallel()
	schema := compiled(t, readSchema(t))
	good := string(ordinary().Append(nil))
	for _, c := range []struct{ old, replacement string }{
		{`"version":1`, `"version":2`},
		{`"version":1,`, ``},
		{`"type":"record"`, `"type":"sale"`},
		{`"type":"record"`, `"type":"gap"`},
		{`"place":"leads/3/1842"`, `"place":"leads/3"`},
		{`"place":"leads/3/1842",`, ``},
		{`"at":"2026-12-01T16:12:09.714Z",`, ``},
		{`"at":"2026-12-01T16:12:09.714Z"`, `"at":1`},
		{`"outcome":"wanted"`, `"outcome":"sold"`},
		{`"id":"dlv_00112233445566778899aabbccddeeff",`, ``},
		{`"webhook":"84+TEST_1",`, ``},
		{`"outcome":"delivered"`, `"outcome":"sold"`},
		{`"number":1,`, ``},
		{`"number":1`, `"number":0`},
		{`"ms":184`, `"ms":-1`},
		{`,"outcome":"wanted","wanted":1,"deliveries"`, `,"d"`},
		{`"lead":"480015503"`, `"lead":480015503`},
	} {
		bad := strings.Replace(good, c.old, c.replacement, 1)
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		if bad == good || schema.Validate(v) == nil {
			t.Errorf("with %s instead of %s it is accepted", c.replacement, c.old)
		}
		if _, err := receipt.Parse([]byte(bad)); err == nil && !strings.Contains(c.replacement, `"version":2`) {
			t.Errorf("Parse accepts %s instead of %s", c.replacement, c.old)
		}
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(good, `{`, `{"new":[1],`, 1)))
	if err != nil || schema.Validate(v) != nil {
		t.Error("a field that is not known is refused")
	}
}

// TestTheExamplesInTheDocsAreReceipts reads those of docs/receipts.md.
func TestTheExamplesInTheDocsAreReceipts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/receipts.md")
	if err != nil {
		t.Fatal(err)
	}
	schema := compiled(t, readSchema(t))
	parts := strings.Split(string(text), "```json\n")[1:]
	if len(parts) == 0 {
		t.Fatal("there is none")
	}
	for _, part := range parts {
		example, _, _ := strings.Cut(part, "```")
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(example))
		if err == nil {
			err = schema.Validate(v)
		}
		if err == nil {
			_, err = receipt.Parse([]byte(example))
		}
		if err != nil {
			t.Errorf("%v\n%s", err, example)
		}
	}
}

// TestEveryWordIsExplained looks for the types and outcomes in docs/receipts.md.
func TestEveryWordIsExplained(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/receipts.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{texts(receipt.Types), texts(receipt.EventOutcomes), texts(receipt.DeliveryOutcomes)} {
		for _, word := range words {
			if !strings.Contains(string(text), "\n| `"+word+"` |") {
				t.Errorf("docs/receipts.md does not explain %s", word)
			}
		}
	}
}
