package seal_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/webhook/seal"
)

var (
	data    = []byte("USA_1 epoch 7 change")
	content = []byte(`{"authorization": "Bearer hunter22"}`)
)

func sealed(t *testing.T, k *seal.Keys, data, content []byte) []byte {
	t.Helper()
	box, err := k.Seal(data, content)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestTheFirstKeySealsAndAllOpen(t *testing.T) {
	older, newer := seal.NewKey(), seal.NewKey()
	before := seal.New([]seal.Key{older}, false)
	during := seal.New([]seal.Key{newer, older}, false)
	after := seal.New([]seal.Key{newer}, false)

	old, fresh := sealed(t, before, data, content), sealed(t, during, data, content)
	for _, c := range []struct {
		name    string
		keys    *seal.Keys
		box     []byte
		lacks   seal.Key // the zero Key: none
		current bool
	}{
		{"before the rotation, an old box", before, old, seal.Key{}, true},
		{"before the rotation, a new box", before, fresh, newer, false},
		{"during it, an old box", during, old, seal.Key{}, false},
		{"during it, a new box", during, fresh, seal.Key{}, true},
		{"after it, an old box", after, old, older, false},
		{"after it, a new box", after, fresh, seal.Key{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.keys.IsCurrent(c.box); got != c.current {
				t.Errorf("current: got %v, want %v", got, c.current)
			}
			got, err := c.keys.Open(data, c.box)
			if c.lacks == (seal.Key{}) {
				if err != nil || !bytes.Equal(got, content) {
					t.Errorf("got %q, %v, want the content", got, err)
				}
				return
			}
			unknown, ok := errors.AsType[*seal.UnknownKeyError](err)
			if !ok || unknown.ID != c.lacks.ID() || got != nil {
				t.Errorf("got %q, %v, want the key %s to be missing", got, err, c.lacks.ID())
			}
		})
	}
}

// An attacker who can write where boxes are must not get a plain one in.
func TestPlainBoxesAreForThoseWithoutKeysOrWhoWantThem(t *testing.T) {
	keys := []seal.Key{seal.NewKey()}
	plain := sealed(t, seal.New(nil, false), data, content)
	for _, c := range []struct {
		name          string
		keys          *seal.Keys
		opens         error
		allowsSecrets error
	}{
		{"no keys", seal.New(nil, false), nil, seal.ErrSecretInClear},
		{"no keys, plain allowed", seal.New(nil, true), nil, nil},
		{"keys", seal.New(keys, false), seal.ErrPlain, nil},
		{"keys, plain allowed", seal.New(keys, true), nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.keys.Open(data, plain)
			if !errors.Is(err, c.opens) || (err == nil) != bytes.Equal(got, content) {
				t.Errorf("got %q, %v, want the error %v", got, err, c.opens)
			}
			if got := c.keys.AllowsSecrets(); !errors.Is(got, c.allowsSecrets) {
				t.Errorf("secrets: got %v, want %v", got, c.allowsSecrets)
			}
			own := sealed(t, c.keys, data, content)
			if got, err := c.keys.Open(data, own); err != nil || !bytes.Equal(got, content) || !c.keys.IsCurrent(own) {
				t.Errorf("its own box: got %q, %v", got, err)
			}
		})
	}
	if box := sealed(t, seal.New(keys, true), data, content); bytes.Contains(box, []byte("hunter22")) {
		t.Error("with keys it sealed nothing, since plain boxes are allowed")
	}
}

// Whatever byte is altered, and however: the box does not open.
func TestNoAlteredBoxOpens(t *testing.T) {
	keys := seal.New([]seal.Key{seal.NewKey(), seal.NewKey()}, false)
	box := sealed(t, keys, data, content)
	for i := range box {
		for bits := 1; bits < 256; bits++ {
			altered := bytes.Clone(box)
			altered[i] ^= byte(bits)
			if got, err := keys.Open(data, altered); err == nil || got != nil {
				t.Fatalf("byte %d altered by %08b: got %q, %v, want an error", i, bits, got, err)
			}
		}
	}
	for size := range box {
		if got, err := keys.Open(data, box[:size]); err == nil || got != nil {
			t.Fatalf("cut to %d bytes: got %q, %v, want an error", size, got, err)
		}
	}
	if got, err := keys.Open(data, append(bytes.Clone(box), 0)); err == nil || got != nil {
		t.Fatalf("a byte longer: got %q, %v, want an error", got, err)
	}
	if _, err := keys.Open(data, box); err != nil {
		t.Fatalf("left alone: %v", err)
	}
}

func TestABoxOpensOnlyWhereItBelongs(t *testing.T) {
	keys := seal.New([]seal.Key{seal.NewKey()}, false)
	box := sealed(t, keys, data, content)
	for _, elsewhere := range []string{"", "USA_2 epoch 7 change", "USA_1 epoch 8 change", string(data) + " "} {
		if got, err := keys.Open([]byte(elsewhere), box); err == nil || got != nil {
			t.Errorf("at %q: got %q, %v, want an error", elsewhere, got, err)
		}
	}
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	key := seal.NewKey()
	keys := seal.New([]seal.Key{key}, false)
	box := sealed(t, keys, data, content)
	altered := bytes.Clone(box)
	altered[len(box)-1]++
	for _, c := range []struct {
		name string
		box  []byte
		want string
	}{
		{"empty", nil, "it is empty"},
		{"a webhook in clear", content, "it is neither sealed nor marked as plain"},
		{"half a word", box[:4], "it is neither sealed nor marked as plain"},
		{"cut within the id", box[:10], "it is sealed, but cut off"},
		{"cut within the tag", box[:seal.Overhead-1], "it is sealed, but cut off"},
		{"not an id", []byte("sealed ESC\x1b[31m!\n" + strings.Repeat("x", 99)), "it is neither sealed nor marked as plain"},
		{"plain", []byte("plain\n{}"), "it is not sealed, although there are keys (secrets.keys); it is used only if secrets.plain is true"},
		{"altered", altered, "it was altered or cut off, or copied from elsewhere: the key " + key.ID() + " does not open it"},
		{"another key", append([]byte("sealed 0123abcd\n"), box[16:]...),
			"it is sealed with the key 0123abcd, which is not in secrets.keys (nor in the file of secrets.keys_file)"},
		{"huge", make([]byte, seal.MaxContent+seal.Overhead+1), "it is larger than what is ever sealed, 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := keys.Open(data, c.box); err == nil || err.Error() != c.want || got != nil {
				t.Errorf("got %q, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

func TestContentIsBounded(t *testing.T) {
	for _, keys := range []*seal.Keys{seal.New(nil, true), seal.New([]seal.Key{seal.NewKey()}, false)} {
		for size, fits := range map[int]bool{0: true, 1: true, seal.MaxContent: true, seal.MaxContent + 1: false} {
			box, err := keys.Seal(data, make([]byte, size))
			if (err == nil) != fits {
				t.Errorf("%d bytes: got the error %v", size, err)
			}
			if got, err := keys.Open(data, box); fits && (err != nil || len(got) != size) {
				t.Errorf("%d bytes: opened as %d, %v", size, len(got), err)
			}
		}
	}
}

func TestOverheadIsWhatABoxAdds(t *testing.T) {
	box := sealed(t, seal.New([]seal.Key{seal.NewKey()}, false), data, content)
	if got := len(box) - len(content); got != seal.Overhead {
		t.Errorf("got %d, Overhead is %d", got, seal.Overhead)
	}
}

func TestTheSameContentMakesAnotherBoxEachTime(t *testing.T) {
	keys := seal.New([]seal.Key{seal.NewKey()}, false)
	if bytes.Equal(sealed(t, keys, data, content), sealed(t, keys, data, content)) {
		t.Error("two boxes are the same: the nonce is not random")
	}
}

// A key, and the box that it made of content and data when boxes were first made.
const firstKey = "lhk1_2Ae7I1nfMCqP4MMZxNdjWMFkUVa_Ki_r-YZEb-64uQZ1M-uA"

var firstBox = append([]byte("sealed 7533eb80\n"), unhex("fa543837df20bb4f412010cf013e917744879ba43aba39c5ca0b635b"+
	"85798749304eee49939cc3ec6f39fbfca6cbd0036f5c14cadff706bd72a0dc8023d5df4f")...)

func unhex(digits string) []byte {
	b, err := hex.DecodeString(digits)
	if err != nil {
		panic(err)
	}
	return b
}

// A box of today must open for ever.
func TestABoxOfTheFirstVersionOpens(t *testing.T) {
	key, err := seal.ParseKey(firstKey)
	if err != nil {
		t.Fatal(err)
	}
	got, err := seal.New([]seal.Key{key}, false).Open(data, firstBox)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("got %q, %v, want %q", got, err, content)
	}
}

func TestKeysShowNoSecret(t *testing.T) {
	key := seal.NewKey()
	want := "*** (id " + key.ID() + ")"
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		if got := fmt.Sprintf(verb, key); got != want {
			t.Errorf("%s: got %s, want %s", verb, got, want)
		}
	}
	if got, err := json.Marshal(key); err != nil || string(got) != `"`+want+`"` {
		t.Errorf("JSON: got %s, %v", got, err)
	}
	// The round keys of AES would be hundreds of numbers.
	keys := seal.New([]seal.Key{key}, false)
	if shown := fmt.Sprintf("%+v %#v", keys, *keys); len(shown) > 500 {
		t.Errorf("keys show as %s", shown)
	}
}
