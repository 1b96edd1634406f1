package terminal

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
)

// encode writes value as a line of JSON or as a YAML document, with the same
// names.
func encode(out io.Writer, format string, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	if err == nil && format == "yaml" {
		err = toYAML(&text)
	}
	if err != nil {
		return err
	}
	_, err = text.WriteTo(out)
	return err
}

// toYAML turns JSON into YAML, so that both always have the same values.
func toYAML(text *bytes.Buffer) error {
	var value any
	if err := yaml.UnmarshalWithOptions(text.Bytes(), &value, yaml.UseOrderedMap()); err != nil {
		return err
	}
	text.Reset()
	text.WriteString("---\n")
	return yaml.NewEncoder(text, yaml.CustomMarshaler(yamlText), yaml.IndentSequence(true)).Encode(value)
}

// yamlText quotes what the library would write as it is, and YAML does not
// allow: control characters, which a terminal would obey, and what looks like
// the beginning of something else, such as "? key". Go's quoting is YAML's too.
func yamlText(s string) ([]byte, error) {
	first, _ := utf8.DecodeRuneInString(s)
	if Printable(s) != s || !unicode.IsLetter(first) && !unicode.IsDigit(first) {
		return []byte(strconv.Quote(s)), nil
	}
	return yaml.Marshal(s)
}
