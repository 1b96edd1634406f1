package jsonscan

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	for _, c := range []struct{ text, path, want string }{
		{`{"success":true}`, "success", `true`},
		{` { "a" : { "b" : [ 1 , "x" ] } , "c" : 2 } `, "a.b.1", `"x"`},
		{`{"a":{"b":[1,2]}}`, "a.b", `[1,2]`},
		{`{"a":{"b":[1,2] } }`, "a", `{"b":[1,2] }`},
		{`[{"code":"SUCCESS"}]`, "0.code", `"SUCCESS"`},
		{`{"0":"member"}`, "0", `"member"`},
		{`{"a":1,"a":2}`, "a", `1`},
		{`{"a":1,"a":{"b":2}}`, "a.b", ``}, // the first a counts
		{`{"a":[[0,[{"x":null}]]]}`, "a.0.1.0.x", `null`},
		{`{"\u0061":1}`, "a", `1`},
		{`{"A":1}`, "a", ``},
		{`{"a":"b"}`, "a.b", ``},
		{`[1,2]`, "2", ``}, {`[1,2]`, "01", ``}, {`[1,2]`, "-1", ``},
		{`"a"`, "a", ``}, {`12`, "0", ``}, {`{}`, "a", ``}, {`[]`, "0", ``},
	} {
		values := make([][]byte, 1)
		if !(Paths{strings.Split(c.path, ".")}).Find([]byte(c.text), values) || string(values[0]) != c.want {
			t.Errorf("%s in %s: got %q, want %q", c.path, c.text, values[0], c.want)
		}
	}
}

func TestFindsSeveralAtOnce(t *testing.T) {
	text := `{"skipped":[{"b":9}],"a":{"b":"x","c":[1,{"d":2}]},"e":3}`
	paths := Paths{{"a", "b"}, {"e"}, {"a"}, {"a", "c", "1", "d"}, {"a", "b"}, {"none"}}
	values := make([][]byte, len(paths))
	if !paths.Find([]byte(text), values) {
		t.Fatal("got not valid")
	}
	for i, want := range []string{`"x"`, `3`, `{"b":"x","c":[1,{"d":2}]}`, `2`, `"x"`, ``} {
		if string(values[i]) != want {
			t.Errorf("%v: got %q, want %q", paths[i], values[i], want)
		}
	}
}

// FuzzFind compares with json.Valid, and with a search that goes step by step.
func FuzzFind(f *testing.F) {
	for _, text := range odd {
		f.Add([]byte(text), "a", "b.0.x")
	}
	f.Add([]byte(`{"a":{"b":[1,{"x":2}]},"a":3}`), "a.b.1.x", "a.b")
	f.Fuzz(func(t *testing.T, text []byte, one, other string) {
		paths := Paths{strings.Split(one, "."), strings.Split(other, "."), strings.Split(one, ".")}
		values := make([][]byte, len(paths))
		valid := paths.Find(text[:len(text):len(text)], values)
		if valid != json.Valid(text) {
			t.Fatalf("%q: got valid %v, encoding/json says %v", text, valid, !valid)
		}
		for i := 0; valid && i < len(paths); i++ {
			if want := stepByStep(text, paths[i]); string(values[i]) != string(want) {
				t.Errorf("%q in %q: got %q, want %q", paths[i], text, values[i], want)
			}
		}
	})
}

func stepByStep(text []byte, path []string) []byte {
	value := text[skipTo(text, 0):]
	for _, step := range path {
		var next []byte
		for name, member := range Members(value) {
			if string(name) == step {
				next = member
				break
			}
		}
		index := 0
		for element := range Elements(value) {
			if strconv.Itoa(index) == step {
				next = element
			}
			index++
		}
		if next == nil {
			return nil
		}
		value = next
	}
	return value
}

func BenchmarkFind(b *testing.B) {
	text := []byte(`{"data":[{"code":"SUCCESS","details":{"note":"` + strings.Repeat("All is well. ", 150) + `","id":"77"}}],"status":"success"}`)
	paths := Paths{{"data", "0", "code"}, {"data", "0", "details", "id"}, {"status"}}
	values := make([][]byte, len(paths))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if !paths.Find(text, values) {
			b.Fatal("not valid")
		}
	}
}
