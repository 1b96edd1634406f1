package entry

import "strings"

const (
	idPrefix    = "id:"
	epochPrefix = "epoch:"
	openPrefix  = "open:"
)

// IDKey returns the key of the entry that says which advertiser the id of a webhook
// belongs to.
func IDKey(webhook string) string { return idPrefix + webhook }

// EpochKey returns the key of the record that begins an epoch.
func EpochKey(epoch string) string { return epochPrefix + epoch }

// EpochOf returns the epoch that a record with this key begins, if it begins one.
func EpochOf(key string) (epoch string, ok bool) { return strings.CutPrefix(key, epochPrefix) }

// OpenKey returns the key of the record that says that the first webhooks of an epoch are
// all there.
func OpenKey(epoch string) string { return openPrefix + epoch }

// WebhookOf returns the id that a record with this key is about, if it is about one.
func WebhookOf(key string) (webhook string, ok bool) { return strings.CutPrefix(key, idPrefix) }

// IsAdvertiser reports whether a key is that of an advertiser's list. An advertiser with
// an id that looks like another key cannot have webhooks.
func IsAdvertiser(key string) bool {
	return key != "" && !strings.HasPrefix(key, idPrefix) && !strings.HasPrefix(key, epochPrefix) && !strings.HasPrefix(key, openPrefix)
}
