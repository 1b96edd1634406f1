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

// What the service itself finds out about a webhook lies beside its record, for
// all instances: seeding the same again does not undo it, and a changed record
// does. Each finding is a field of its own, so that one does not overwrite the
// other, and names the version of the record that it is about.
type finding struct {
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

// version names a stored record. Redis computes it too, and in scripts it has
// SHA-1 alone; nobody gains by two records of one version.
func version(stored string) string {
	sum := sha1.Sum([]byte(stored)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])[:versionDigits]
}

// applyStanding adds to a webhook what was found out about it. What is about
// another version, or cannot be read, does not count.
func applyStanding(h *lead.Webhook, standing map[string]string) {
	if f, ok := readFinding(standing[failingField(h.ID)], h.Version); ok {
		h.Failing = lead.Failing{Since: f.Since, Attempts: f.Attempts, Warned: f.Warned}
	}
	if f, ok := readFinding(standing[disabledField(h.ID)], h.Version); ok {
		h.Disabled = lead.Disabled{At: f.At, Reason: f.Reason, Status: f.Status}
	}
}

func readFinding(stored, version string) (finding, bool) {
	var f finding
	if stored == "" || version == "" || json.Unmarshal([]byte(stored), &f) != nil {
		return finding{}, false
	}
	return f, f.Version == version
}

// findScript sets a field of a webhook's standing, or removes it if it has no
// value, and announces it if there is a message; all that only if the stored
// record is the one with that version.
const findScript = `
local record = redis.call("HGET", KEYS[1], ARGV[1])
if not record or string.sub(redis.sha1hex(record), 1, #ARGV[2]) ~= ARGV[2] then return 0 end
if ARGV[4] == "" then redis.call("HDEL", KEYS[2], ARGV[3]) else redis.call("HSET", KEYS[2], ARGV[3], ARGV[4]) end
if ARGV[6] ~= "" then redis.call("PUBLISH", ARGV[5], ARGV[6]) end
return 1`

// Disable sets a webhook inactive for all instances, which hear of it at once.
// That is done only if the stored record is still the version that hook is of,
// as the advertiser may have corrected it meanwhile; done says so. Done again,
// it overwrites time and reason.
func (s *Store) Disable(ctx context.Context, hook *lead.Webhook, d lead.Disabled) (done bool, err error) {
	message, err := json.Marshal([]string{hook.Advertiser})
	if err != nil {
		return false, err
	}
	f := finding{Version: hook.Version, At: d.At.UTC(), Reason: d.Reason, Status: d.Status}
	return s.find(ctx, hook, disabledField(hook.ID), &f, message)
}

// NoteFailing keeps for how long a webhook has failed, if its stored record is
// still the version that hook is of, and otherwise does nothing. It is not
// announced: an instance that has the webhook cached sees it after the TTL.
func (s *Store) NoteFailing(ctx context.Context, hook *lead.Webhook, failing lead.Failing) error {
	f := finding{Version: hook.Version, Since: failing.Since.UTC(), Attempts: failing.Attempts}
	if !failing.Warned.IsZero() {
		f.Warned = failing.Warned.UTC()
	}
	_, err := s.find(ctx, hook, failingField(hook.ID), &f, nil)
	return err
}

// NoteRecovered ends what NoteFailing keeps, on the same conditions. It does not
// make a disabled webhook active.
func (s *Store) NoteRecovered(ctx context.Context, hook *lead.Webhook) error {
	_, err := s.find(ctx, hook, failingField(hook.ID), nil, nil)
	return err
}

// find writes a finding; nil removes it.
func (s *Store) find(ctx context.Context, hook *lead.Webhook, field string, f *finding, message []byte) (bool, error) {
	if hook.Version == "" {
		return false, nil // not from Redis, or damaged
	}
	var value []byte
	if f != nil {
		var err error
		if value, err = json.Marshal(f); err != nil {
			return false, fmt.Errorf("encoding the standing of webhook %q: %w", hook.ID, err)
		}
	}
	done, err := s.rdb.Eval(ctx, findScript, []string{webhooksKey(hook.Advertiser), standingKey(hook.Advertiser)},
		hook.ID, hook.Version, field, value, announcements, message).Int()
	if err != nil {
		return false, fmt.Errorf("writing the standing of webhook %q: %w", hook.ID, err)
	}
	return done == 1, nil
}

// standingFields are those of an advertiser's webhooks in the list.
func standingFields(items []*item, advertiser string) []string {
	var fields []string
	for _, it := range items {
		if it.Advertiser == advertiser {
			fields = append(fields, failingField(it.Webhook), disabledField(it.Webhook))
		}
	}
	return fields
}
