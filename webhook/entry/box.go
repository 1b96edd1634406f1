package entry

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/leadhook/leadhook/lead"
)

// Boxes seal the contents of entries and open them: a box opens only with the bound
// bytes that it was sealed with.
type Boxes interface {
	Seal(bound, contents []byte) ([]byte, error)
	Open(bound, box []byte) ([]byte, error)
	AllowsSecrets() error // nil if a secret may be sealed; otherwise what is to be done first
}

// ErrTooLarge is the error of sealing more than an entry may hold.
var ErrTooLarge = errors.New("the advertiser's webhooks are too large together")

// AllowsSecrets returns nil if the boxes may hold what these webhooks have. The error names
// the first that may not be stored, and what is to be done.
func AllowsSecrets(boxes Boxes, hooks ...*lead.Webhook) error {
	err := boxes.AllowsSecrets()
	if i := slices.IndexFunc(hooks, hasSecret); err != nil && i >= 0 {
		return fmt.Errorf("webhook %q: %w", hooks[i].ID, err)
	}
	return nil
}

func hasSecret(h *lead.Webhook) bool {
	return h.Authorization != "" || len(h.Headers) > 0 || len(h.SigningSecrets) > 0 || h.ClientCert != ""
}

// Restamp returns an entry with the same contents and another stamp.
func Restamp(boxes Boxes, key string, e *Entry, stamp Stamp) (*Entry, error) {
	contents, err := boxes.Open(e.Bound(key), e.Box)
	if err != nil {
		return nil, err
	}
	box, err := boxes.Seal(stamp.Bound(key), contents)
	if err != nil {
		return nil, err
	}
	return &Entry{stamp, box}, nil
}

func seal(boxes Boxes, key string, stamp Stamp, contents any) (*Entry, error) {
	plain, err := json.Marshal(contents)
	if err != nil {
		return nil, fmt.Errorf("encoding the webhooks of %s: %w", key, err)
	}
	if len(plain) > MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, len(plain), MaxBytes)
	}
	box, err := boxes.Seal(stamp.Bound(key), plain)
	if err != nil {
		return nil, fmt.Errorf("sealing the webhooks of %s: %w", key, err)
	}
	return &Entry{stamp, box}, nil
}

func open(boxes Boxes, key string, e *Entry, contents any) error {
	plain, err := boxes.Open(e.Bound(key), e.Box)
	if err != nil {
		return err
	}
	if json.Unmarshal(plain, contents) != nil {
		return errNotWritten
	}
	return nil
}
