package shares

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/lead"
)

// A Failing is since when a webhook has been failing, as it was noted last. It is about
// one version of the webhook, and nothing to any other.
type Failing struct {
	Version string
	lead.Failing
}

// A stored Failing. The field of an advertiser holds those of its webhooks, as a JSON
// object by id.
type storedFailing struct {
	Version  string    `json:"v"`
	Since    time.Time `json:"since"`
	Attempts int       `json:"attempts"`
	Warned   time.Time `json:"warned_at,omitzero"`
}

// failingScript replaces or removes what is noted of one webhook: KEYS[1] is the hash;
// ARGV are the advertiser's field, the webhook, and either what is noted or "" and the
// version that it must be about to be removed. What cannot be read is forgotten: it was
// written by nobody, and may be lost.
const failingScript = `
local ok, all = pcall(cjson.decode, redis.call("HGET", KEYS[1], ARGV[1]) or "{}")
local kept = {}
if ok and type(all) == "table" then
  for webhook, noted in pairs(all) do
    if type(webhook) == "string" and type(noted) == "table" then kept[webhook] = noted end
  end
end
if ARGV[3] ~= "" then
  kept[ARGV[2]] = cjson.decode(ARGV[3])
elseif kept[ARGV[2]] and kept[ARGV[2]].v == ARGV[4] then
  kept[ARGV[2]] = nil
end
if next(kept) == nil then
  redis.call("HDEL", KEYS[1], ARGV[1])
else
  redis.call("HSET", KEYS[1], ARGV[1], cjson.encode(kept))
end
return 1`

// NoteFailing notes since when a version of a webhook has been failing, in place of what
// was noted of the webhook before. [Shares.Get] returns it with the advertiser's record,
// whether or not that still has the webhook.
func (s *Shares) NoteFailing(ctx context.Context, advertiser, webhook, version string, failing lead.Failing) error {
	noted := storedFailing{Version: version, Since: failing.Since.UTC(), Attempts: failing.Attempts}
	if !failing.Warned.IsZero() {
		noted.Warned = failing.Warned.UTC()
	}
	text, err := json.Marshal(noted)
	if err != nil {
		return fmt.Errorf("encoding since when webhook %q has been failing: %w", webhook, err)
	}
	return s.note(ctx, advertiser, webhook, text, version)
}

// NoteRecovered removes what [Shares.NoteFailing] noted of this version of a webhook.
func (s *Shares) NoteRecovered(ctx context.Context, advertiser, webhook, version string) error {
	return s.note(ctx, advertiser, webhook, nil, version)
}

func (s *Shares) note(ctx context.Context, advertiser, webhook string, text []byte, version string) error {
	key := s.failingKey(Of(advertiser))
	err := s.rdb.Eval(ctx, failingScript, []string{key}, recordMark+advertiser, webhook, text, version).Err()
	if err != nil {
		return fmt.Errorf("noting in %q in Redis whether webhook %q is failing: %w", key, webhook, err)
	}
	return nil
}

// readFailing reads the reply to a HMGET of n advertisers. What is noted may be lost, so
// a key that is no hash is like none: no lead waits for it.
func readFailing(reply *redis.SliceCmd, n int) ([]any, error) {
	fields, err := reply.Result()
	switch {
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading from Redis which webhooks are failing: %w", err)
	case len(fields) != n:
		return nil, fmt.Errorf("reading from Redis which webhooks are failing: %d fields instead of %d", len(fields), n)
	}
	return fields, nil
}

// parseFailing reads an advertiser's field; what cannot be read is nothing.
func parseFailing(field any) map[string]Failing {
	text, _ := field.(string)
	var noted map[string]storedFailing
	if text == "" || json.Unmarshal([]byte(text), &noted) != nil || len(noted) == 0 {
		return nil
	}
	all := make(map[string]Failing, len(noted))
	for webhook, f := range noted {
		all[webhook] = Failing{f.Version, lead.Failing{Since: f.Since, Attempts: f.Attempts, Warned: f.Warned}}
	}
	return all
}
