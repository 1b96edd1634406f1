package seal_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/webhook/seal"
)

// The form by which scanners of sources find keys that should not be there.
var scanned = regexp.MustCompile(`^lhk1_[A-Za-z0-9_-]{48}$`)

func TestKeysAreReadAsTheyAreWritten(t *testing.T) {
	for range 100 {
		key := seal.NewKey()
		text := key.Reveal()
		if !scanned.MatchString(text) {
			t.Errorf("a scanner would not find %s", text)
		}
		if got, err := seal.ParseKey(text); err != nil || got != key || got.ID() != key.ID() {
			t.Errorf("%s is read as %s, %v", text, got.Reveal(), err)
		}
	}
}

// Whatever character is mistyped: the key is refused, and not quoted.
func TestMistypedKeysAreRefused(t *testing.T) {
	text := seal.NewKey().Reveal()
	for i := range text {
		for _, r := range "aZ0-_ ,'=\n\x00ä*" {
			mistyped := text[:i] + string(r) + text[i+1:]
			if mistyped != text {
				refused(t, mistyped)
			}
		}
		refused(t, text[:i])
		refused(t, text[:i]+text[i+1:])
		refused(t, text[:i]+"\n"+text[i:])
	}
	for i := range len(text) - 1 {
		if swapped := text[:i] + text[i+1:i+2] + text[i:i+1] + text[i+2:]; swapped != text {
			refused(t, swapped)
		}
	}
}

func refused(t *testing.T, text string) {
	t.Helper()
	got, err := seal.ParseKey(text)
	if err == nil || got != (seal.Key{}) {
		t.Fatalf("%q is taken for a key", text)
	}
	if len(text) > 12 && strings.Contains(err.Error(), text[5:12]) {
		t.Fatalf("a secret shows in: %v", err)
	}
}

func TestFaultsOfKeysSayWhatIsWrong(t *testing.T) {
	text := seal.NewKey().Reveal()
	for name, c := range map[string]struct{ text, want string }{
		"empty":         {"", "not a key: a key begins with lhk1_; leadhook secrets new-key makes one"},
		"a password":    {"hunter22", "not a key: a key begins with lhk1_; leadhook secrets new-key makes one"},
		"cut off":       {text[:50], "not a whole key: it has 50 characters instead of 53"},
		"twice":         {text + text, "not a whole key: it has 106 characters instead of 53"},
		"a blank in it": {text[:20] + " " + text[20:], "not a key: behind lhk1_ it has characters other than letters, digits, - and _"},
		"zeros":         {"lhk1_" + strings.Repeat("A", 48), "mistyped or altered: the end of the key does not match the rest"},
	} {
		if _, err := seal.ParseKey(c.text); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v\nwant %s", name, err, c.want)
		}
	}
}
