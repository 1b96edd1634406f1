package seal_test

import (
	"bytes"
	"testing"

	"github.com/leadhook/leadhook/webhook/seal"
)

// Whatever is stored where a box should be: nothing panics, nothing opens that was
// not sealed, and what opens is no larger than the box.
func FuzzOpen(f *testing.F) {
	key, err := seal.ParseKey(firstKey)
	if err != nil {
		f.Fatal(err)
	}
	keys := seal.New([]seal.Key{key}, false)
	all := seal.New([]seal.Key{key}, true)
	f.Add(data, firstBox)
	f.Add(data, firstBox[:20])
	f.Add([]byte{}, []byte("plain\n{}"))
	f.Add([]byte{}, []byte("sealed 0123abcd\n0123456789012345678901234567890"))
	f.Fuzz(func(t *testing.T, where, box []byte) {
		got, err := keys.Open(where, box)
		if isFirst := bytes.Equal(where, data) && bytes.Equal(box, firstBox); isFirst != (err == nil) {
			t.Errorf("%q at %q: got %q, %v", box, where, got, err)
		}
		if err != nil && (got != nil || err.Error() == "") {
			t.Errorf("%q at %q: got %q beside the error %q", box, where, got, err)
		}
		if got, err := all.Open(where, box); err == nil && len(got) > len(box) {
			t.Errorf("%d bytes opened as %d", len(box), len(got))
		}
		_ = keys.IsCurrent(box)
	})
}

// Whatever a person gives as a key: it is one, or refused.
func FuzzParseKey(f *testing.F) {
	f.Add(firstKey)
	f.Add("lhk1_")
	f.Fuzz(func(t *testing.T, text string) {
		if key, err := seal.ParseKey(text); err == nil && key.Reveal() != text {
			t.Errorf("%q is read as %q", text, key.Reveal())
		}
	})
}
