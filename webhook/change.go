package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/leadhook/leadhook/lead"
)

// ErrDamaged is the error of changing a webhook whose stored record cannot be used.
// What wraps it says what is wrong with the record.
var ErrDamaged = errors.New("it cannot be changed")

// SetActive makes a webhook active or inactive, as its advertiser would with a
// seed. Making it active also removes its health record, as does every change of
// its record. It returns the webhook as it is then; changed is false if there was
// nothing to do. The error wraps [ErrNoWebhook], [ErrDamaged] or [ErrNotSeeded], or
// is that of a failed request to Redis.
func (s *Store) SetActive(ctx context.Context, id string, active bool) (hook *lead.Webhook, changed bool, err error) {
	for {
		before, err := s.Find(ctx, id)
		if err != nil {
			return nil, false, err
		}
		if before.Damaged != "" {
			return nil, false, fmt.Errorf("webhook %q: %w: %s", id, ErrDamaged, before.Damaged)
		}
		unwell := before.Failing != lead.Failing{} || before.Disabled != lead.Disabled{}
		if before.Active == active && (!active || !unwell) {
			return before, false, nil
		}
		after := *before
		after.Active, after.Failing, after.Disabled = active, lead.Failing{}, lead.Disabled{}
		record, err := encode(&after)
		if err != nil {
			return nil, false, err
		}
		if done, err := s.replace(ctx, before, record); done || err != nil {
			return &after, done, err
		}
	}
}

// Remove removes a webhook and its health record. Its id still belongs to its
// advertiser. A damaged webhook is removed like any other. The error wraps
// [ErrNoWebhook] or [ErrNotSeeded], or is that of a failed request to Redis.
func (s *Store) Remove(ctx context.Context, id string) error {
	for tries := 0; ; tries++ {
		hook, err := s.Find(ctx, id)
		if tries > 0 && errors.Is(err, ErrNoWebhook) {
			return nil // it was removed, and only the answer got lost
		}
		if err != nil {
			return err
		}
		if done, err := s.replace(ctx, hook, ""); done || err != nil {
			return err
		}
	}
}

// replaceScript writes a record, or removes it if the new one is empty, removes
// the webhook's health record, and announces the change. It does all that only
// if the stored record has the given version.
const replaceScript = `
local record = redis.call("HGET", KEYS[1], ARGV[1])
if not record or string.sub(redis.sha1hex(record), 1, #ARGV[2]) ~= ARGV[2] then return 0 end
if ARGV[3] == "" then redis.call("HDEL", KEYS[1], ARGV[1]) else redis.call("HSET", KEYS[1], ARGV[1], ARGV[3]) end
redis.call("HDEL", KEYS[2], ARGV[4], ARGV[5])
redis.call("PUBLISH", ARGV[6], ARGV[7])
return 1`

// replace replaces the stored record if it is still the one that hook was read from,
// and reports whether it did. A damaged webhook has no version, and any record matches
// it.
func (s *Store) replace(ctx context.Context, hook *lead.Webhook, record string) (bool, error) {
	message, err := json.Marshal([]string{hook.Advertiser})
	if err != nil {
		return false, err
	}
	done, err := s.rdb.Eval(ctx, replaceScript, []string{s.webhooksKey(hook.Advertiser), s.healthKey(hook.Advertiser)},
		hook.ID, hook.Version, record, failingField(hook.ID), disabledField(hook.ID), s.announcements(), message).Int()
	if err != nil {
		return false, fmt.Errorf("changing webhook %q: %w", hook.ID, err)
	}
	return done == 1, nil
}
