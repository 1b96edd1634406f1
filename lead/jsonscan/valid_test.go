package jsonscan

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// odd are texts in which every byte that is changed or lost may matter.
var odd = []string{
	`{"a":[1,-2.5e+10,0,0.0,1E5,-0],"b":{"c":null,"d":true,"e":false},"f":""}`,
	`[{},[],[[]],{"a":{}},"\"\\\/\b\f\n\r\tÄé",[{"x":[{"y":[]}]}]]`,
	"\t{ \"a\" :\r\n[ 1 , 2 ] , \"b\" : \"12345678\\\"12345678\" } ",
	`"` + strings.Repeat("é\u2028x", 9) + `"`, `"\ud800"`, "\"\x7f\"", `12`, ` null `, `tru`, `01`, `1.`, `-`, `1e`, `[1,]`, `{"a":1,}`, `{,}`,
	`{"a"}`, `{"a":}`, `{1:2}`, `[1 2]`, `[}`, `{]`, ``, ` `, "\"\x1f\"", "\"1234567\x00\"", `"\x"`, `"\u12g4"`, `"\u12`, `"a`, `{} {}`, `[`, `[[]`,
}

func TestValidAgreesWithEncodingJSON(t *testing.T) {
	for _, text := range odd {
		agree(t, []byte(text))
		for i := range len(text) {
			agree(t, []byte(text[:i]))
			agree(t, []byte(text[:i]+text[i+1:]))
			for _, c := range []byte("\"\\{}[]:, 0-.eé\x00\x1f\x80\xff") {
				agree(t, slices.Concat([]byte(text[:i]), []byte{c}, []byte(text[i:])))
				agree(t, slices.Concat([]byte(text[:i]), []byte{c}, []byte(text[i+1:])))
			}
		}
	}
	for _, depth := range []int{deepest - 1, deepest, deepest + 1, 1 << 20} {
		for _, pair := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
			for _, innermost := range []string{"1", "{}", "[]"} {
				agree(t, []byte(strings.Repeat(pair[0], depth)+innermost+strings.Repeat(pair[1], depth)))
			}
		}
	}
}

// TestNestingIsRemembered mixes lists and objects, deeper than one word of bits
// has room for, and closes each of them wrongly once.
func TestNestingIsRemembered(t *testing.T) {
	for _, depth := range []int{63, 64, 65, 127, 128, 129, 193} {
		for _, period := range []int{2, 3, 5, 67} {
			var opened, closed []byte
			for i := range depth {
				if i%period == 0 {
					opened, closed = append(opened, `{"a":`...), append(closed, '}')
				} else {
					opened, closed = append(opened, '['), append(closed, ']')
				}
			}
			slices.Reverse(closed)
			agree(t, slices.Concat(opened, []byte("1"), closed))
			for i := range closed {
				wrong := slices.Clone(closed)
				wrong[i] ^= ']' ^ '}'
				agree(t, slices.Concat(opened, []byte("1"), wrong))
			}
		}
	}
}

// agree also looks beyond the text, where nothing may be read.
func agree(t *testing.T, text []byte) {
	t.Helper()
	if got, want := Valid(slices.Clip(text)), json.Valid(text); got != want {
		t.Errorf("Valid(%.100q) is %v, json.Valid says %v", text, got, want)
	}
	// A pick takes what is an object, also where it picks from one within.
	if len(text) == 0 || text[0] != '{' {
		return
	}
	for _, from := range []string{"a", "b", "c"} {
		p := Pick{{Within: from}, {Within: from}, {}}
		if got, want := p.object(slices.Clip(text), 0, 0) == len(text), json.Valid(text); got != want {
			t.Errorf("picking from %.100q found an object: %v, json.Valid says %v", text, got, want)
		}
	}
}

func FuzzValid(f *testing.F) {
	for _, text := range odd {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { agree(t, text) })
}
