package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
)

// MaxContent is the largest content of a box, in bytes. Larger ones are neither
// sealed nor opened.
const MaxContent = 1 << 20

// Overhead is how many bytes a sealed box is larger than its content.
const Overhead = len(sealedHead) + idDigits + len("\n") + nonceAndTag

const (
	sealedHead  = "sealed " // then the id of the key and a line break
	plainHead   = "plain\n"
	idDigits    = 2 * idSize
	nonceAndTag = 12 + 16
)

// Keys seals and opens boxes. It may be used by several goroutines at once.
type Keys struct {
	newest string                 // the id of the key that seals; "" if there are no keys
	byID   map[string]cipher.AEAD // of every key
	plain  bool                   // plain boxes are opened although there are keys
}

// New returns Keys of which the first seals, and all open. Without keys boxes are
// plain, and only plain ones open.
//
// With keys, plain boxes are refused: nothing in them proves who wrote them, so
// whoever can write to where boxes are stored could otherwise put a forged one in
// place of a sealed one. With allowPlain they are opened nevertheless, which is how one
// gets from plain boxes to sealed ones.
func New(keys []Key, allowPlain bool) *Keys {
	k := &Keys{byID: make(map[string]cipher.AEAD, len(keys)), plain: allowPlain}
	for i, key := range keys {
		id := key.ID()
		if i == 0 {
			k.newest = id
		}
		k.byID[id] = key.aead()
	}
	return k
}

func (k Key) aead() cipher.AEAD {
	if k == (Key{}) {
		panic("seal: the zero Key is none")
	}
	block, err := aes.NewCipher(k.derive(boxLabel, secretSize))
	if err != nil {
		panic(err) // a wrong size
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // not AES
	}
	return aead
}

// ErrSecretInClear means that a secret would be stored in clear.
var ErrSecretInClear = errors.New("there is no key to seal a secret with: make one with leadhook secrets new-key" +
	" and set secrets.keys, or set secrets.plain to true to store secrets in clear")

// AllowsSecrets returns nil if a box may hold a secret: it will be sealed, or the
// operator wants plain ones. Else it returns [ErrSecretInClear].
func (k *Keys) AllowsSecrets() error {
	if k.newest == "" && !k.plain {
		return ErrSecretInClear
	}
	return nil
}

// Seal puts content into a box that opens only with the same associated data. A plain
// box is not bound to that data.
func (k *Keys) Seal(data, content []byte) ([]byte, error) {
	if len(content) > MaxContent {
		return nil, fmt.Errorf("%d bytes are too many to be sealed: at most %d", len(content), MaxContent)
	}
	if k.newest == "" {
		return append([]byte(plainHead), content...), nil
	}
	box := make([]byte, 0, Overhead+len(content))
	box = append(box, sealedHead...)
	box = append(box, k.newest...)
	box = append(box, '\n')
	return k.byID[k.newest].Seal(box, nil, content, data), nil //nolint:gosec // nil asks this AEAD for a random nonce
}

// The reasons for which a box is not opened, beside [UnknownKeyError].
var (
	// ErrPlain means that a box is plain, but there are keys. It may be whole.
	ErrPlain = errors.New("it is not sealed, although there are keys (secrets.keys); it is used only if secrets.plain is true")

	errEmpty    = errors.New("it is empty")
	errNotABox  = errors.New("it is neither sealed nor marked as plain")
	errTooLarge = fmt.Errorf("it is larger than what is ever sealed, %d bytes", MaxContent)
	errCutOff   = errors.New("it is sealed, but cut off")
	errAltered  = errors.New("it was altered or cut off, or copied from elsewhere")
)

// An UnknownKeyError means that a box is sealed with a key that is not there. The box
// may be whole.
type UnknownKeyError struct{ ID string }

func (e *UnknownKeyError) Error() string {
	return "it is sealed with the key " + e.ID + ", which is not in secrets.keys (nor in the file of secrets.keys_file)"
}

// Open returns the content of a box. The errors complete "the record cannot be used:".
func (k *Keys) Open(data, box []byte) ([]byte, error) {
	if len(box) > MaxContent+Overhead {
		return nil, errTooLarge
	}
	if content, ok := bytes.CutPrefix(box, []byte(plainHead)); ok {
		if k.newest != "" && !k.plain {
			return nil, ErrPlain
		}
		return bytes.Clone(content), nil
	}
	id, sealed, err := split(box)
	if err != nil {
		return nil, err
	}
	aead, ok := k.byID[string(id)]
	if !ok {
		return nil, &UnknownKeyError{string(id)}
	}
	content, err := aead.Open(nil, nil, sealed, data)
	if err != nil {
		return nil, fmt.Errorf("%w: the key %s does not open it", errAltered, id)
	}
	return content, nil
}

// IsCurrent reports whether a box is as Seal makes them now: sealed with the first
// key, or plain if there is none. It does not open the box.
func (k *Keys) IsCurrent(box []byte) bool {
	if k.newest == "" {
		return bytes.HasPrefix(box, []byte(plainHead))
	}
	id, _, err := split(box)
	return err == nil && string(id) == k.newest
}

// KeyOf returns the id of the key that a box is sealed with, and "" for a plain one. The
// error says why it is no box.
func KeyOf(box []byte) (id string, err error) {
	if bytes.HasPrefix(box, []byte(plainHead)) {
		return "", nil
	}
	key, _, err := split(box)
	return string(key), err
}

// split returns the id of a sealed box's key, and what follows the first line.
func split(box []byte) (id, sealed []byte, err error) {
	rest, ok := bytes.CutPrefix(box, []byte(sealedHead))
	switch {
	case len(box) == 0:
		return nil, nil, errEmpty
	case !ok:
		return nil, nil, errNotABox
	case len(box) < Overhead:
		return nil, nil, errCutOff
	}
	id, sealed = rest[:idDigits], rest[idDigits:]
	if bytes.ContainsFunc(id, notHex) || sealed[0] != '\n' {
		return nil, nil, errNotABox
	}
	return id, sealed[1:], nil
}

func notHex(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }
