package webhook

import (
	"context"
	"crypto/sha1" //nolint:gosec // see version
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/leadhook/leadhook/lead"
)

// A healthRecord is what the service observed about a webhook: since when it has
// been failing, or why it was disabled. It is stored beside the webhook's record, for
// all instances. Seeding the same record again does not remove it; changing the record
// does. Failing and disabled are stored in fields of their own, so that
// neither overwrites the other, and each names the version of the record that it
// is about.
type healthRecord struct {
	Version  string      `json:"v"`
	Since    time.Time   `json:"since,omitzero"`
	Attempts int         `json:"attempts,omitzero"`
	Warned   time.Time   `json:"warned_at,omitzero"`
	At       time.Time   `json:"at,omitzero"`
	Reason   lead.Reason `json:"reason,omitzero"`
	Status   int         `json:"status,omitzero"`
}

func failingField(webhook string) string  { return "failing:" + webhook }
func disabledField(webhook string) string { return "disabled:" + webhook }

const versionDigits = 16

// version names a stored record. Redis computes it too, and its scripts have no
// other hash than SHA-1. A collision would harm only the owner of both records.
func version(stored string) string {
	sum := sha1.Sum([]byte(stored)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])[:versionDigits]
}

// applyHealth sets the health of a webhook. Health records that are about another
// version of it, or that cannot be read, are ignored.
func applyHealth(h *lead.Webhook, health map[string]string) {
	if f, ok := readHealth(health[failingField(h.ID)], h.Version); ok {
		h.Failing = lead.Failing{Since: f.Since, Attempts: f.Attempts, Warned: f.Warned}
	}
	if f, ok := readHealth(health[disabledField(h.ID)], h.Version); ok {
		h.Disabled = lead.Disabled{At: f.At, Reason: f.Reason, Status: f.Status}
	}
}

func readHealth(stored, version string) (healthRecord, bool) {
	var f healthRecord
	if stored == "" || version == "" || json.Unmarshal([]byte(stored), &f) != nil {
		return healthRecord{}, false
	}
	return f, f.Version == version
}

// healthScript sets a field of a webhook's health, or removes it if the value is
// empty, and announces the change if there is a message. It does all that only if
// the stored record has the given version.
const healthScript = `
local record = redis.call("HGET", KEYS[1], ARGV[1])
if not record or string.sub(redis.sha1hex(record), 1, #ARGV[2]) ~= ARGV[2] then return 0 end
if ARGV[4] == "" then redis.call("HDEL", KEYS[2], ARGV[3]) else redis.call("HSET", KEYS[2], ARGV[3], ARGV[4]) end
if ARGV[6] ~= "" then redis.call("PUBLISH", ARGV[5], ARGV[6]) end
return 1`

// Disable disables a webhook for all instances, which hear of it at once. It
// does so only if the stored record still has hook's version, since the advertiser may
// have corrected it meanwhile, and reports whether it did. Disabling a webhook again
// overwrites the time and the reason.
func (s *Store) Disable(ctx context.Context, hook *lead.Webhook, d lead.Disabled) (done bool, err error) {
	message, err := json.Marshal([]string{hook.Advertiser})
	if err != nil {
		return false, err
	}
	f := healthRecord{Version: hook.Version, At: d.At.UTC(), Reason: d.Reason, Status: d.Status}
	return s.setHealth(ctx, hook, disabledField(hook.ID), &f, message)
}

// NoteFailing records since when a webhook has been failing, if its stored record
// still has hook's version; otherwise it does nothing. The change is not announced: an
// instance that has the webhook cached sees it after the TTL.
func (s *Store) NoteFailing(ctx context.Context, hook *lead.Webhook, failing lead.Failing) error {
	f := healthRecord{Version: hook.Version, Since: failing.Since.UTC(), Attempts: failing.Attempts}
	if !failing.Warned.IsZero() {
		f.Warned = failing.Warned.UTC()
	}
	_, err := s.setHealth(ctx, hook, failingField(hook.ID), &f, nil)
	return err
}

// NoteRecovered removes what [Store.NoteFailing] recorded, on the same condition. It does
// not enable a disabled webhook.
func (s *Store) NoteRecovered(ctx context.Context, hook *lead.Webhook) error {
	_, err := s.setHealth(ctx, hook, failingField(hook.ID), nil, nil)
	return err
}

// setHealth writes a health record into a field, or removes it if the record is
// nil. It reports whether the stored record had hook's version.
func (s *Store) setHealth(ctx context.Context, hook *lead.Webhook, field string, f *healthRecord, message []byte) (bool, error) {
	if hook.Version == "" {
		return false, nil // not from Redis, or damaged
	}
	var value []byte
	if f != nil {
		var err error
		if value, err = json.Marshal(f); err != nil {
			return false, fmt.Errorf("encoding the health of webhook %q: %w", hook.ID, err)
		}
	}
	done, err := s.rdb.Eval(ctx, healthScript, []string{s.webhooksKey(hook.Advertiser), s.healthKey(hook.Advertiser)},
		hook.ID, hook.Version, field, value, s.announcements(), message).Int()
	if err != nil {
		return false, fmt.Errorf("writing the health of webhook %q: %w", hook.ID, err)
	}
	return done == 1, nil
}

// healthFields returns the health fields of an advertiser's webhooks in the list.
func healthFields(items []*item, advertiser string) []string {
	var fields []string
	for _, it := range items {
		if it.Advertiser == advertiser {
			fields = append(fields, failingField(it.Webhook), disabledField(it.Webhook))
		}
	}
	return fields
}
