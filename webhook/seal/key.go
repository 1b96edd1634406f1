package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// A Key is a secret of 256 bits from which the key of the boxes is derived. Printed
// and marshalled it shows its id alone. The zero Key is none.
//
// Its text is "lhk1_" and 48 characters of base64url: the 32 bytes of the secret and
// the 4 bytes of its id, by which a mistyped key is recognised. 36 bytes need no
// padding and leave no bit over, so a key has one text only.
type Key struct{ secret [secretSize]byte }

const (
	secretSize = 32
	idSize     = 4

	keyPrefix = "lhk1_"
	keyLength = len(keyPrefix) + (secretSize+idSize)/3*4 // characters

	// What is derived from a secret, each independent of the other. A box of another
	// kind gets a label of its own: then one kind can never be passed off as the other.
	idLabel  = "leadhook key id"
	boxLabel = "leadhook sealed box AES-256-GCM"
)

// NewKey returns a random key.
func NewKey() Key {
	var k Key
	_, _ = rand.Read(k.secret[:]) // never fails
	return k
}

var (
	errNoKeyText = errors.New("not a key: a key begins with " + keyPrefix + "; leadhook secrets new-key makes one")
	errAlphabet  = errors.New("not a key: behind " + keyPrefix + " it has characters other than letters, digits, - and _")
	errMistyped  = errors.New("mistyped or altered: the end of the key does not match the rest")
)

// ParseKey returns the key with that text. Its errors do not quote the text.
func ParseKey(text string) (Key, error) {
	rest, ok := strings.CutPrefix(text, keyPrefix)
	switch {
	case !ok:
		return Key{}, errNoKeyText
	case strings.ContainsFunc(rest, outsideAlphabet):
		return Key{}, errAlphabet
	case len(text) != keyLength:
		return Key{}, fmt.Errorf("not a whole key: it has %d characters instead of %d", len(text), keyLength)
	}
	content, err := base64.RawURLEncoding.DecodeString(rest)
	if err != nil {
		return Key{}, errAlphabet
	}
	k := Key{[secretSize]byte(content)}
	if !bytes.Equal(k.idBytes(), content[secretSize:]) {
		return Key{}, errMistyped
	}
	return k, nil
}

func outsideAlphabet(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// Reveal returns the key's text, with the secret.
func (k Key) Reveal() string {
	return keyPrefix + base64.RawURLEncoding.EncodeToString(append(k.secret[:], k.idBytes()...))
}

// ID returns eight hex digits that tell keys apart. They follow from the key, and the
// key does not follow from them.
func (k Key) ID() string { return hex.EncodeToString(k.idBytes()) }

func (k Key) idBytes() []byte { return k.derive(idLabel, idSize) }

func (k Key) derive(label string, size int) []byte {
	derived, err := hkdf.Expand(sha256.New, k.secret[:], label, size)
	if err != nil {
		panic(err) // a wrong size
	}
	return derived
}

// String returns the key's id, marked as being in place of a secret.
func (k Key) String() string { return "*** (id " + k.ID() + ")" }

// Format hides the secret from every verb, including %#v and %x.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// MarshalText hides the secret from JSON and YAML encoders.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
