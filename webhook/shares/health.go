package shares

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leadhook/leadhook/lead"
)

// A Health is what was noted of one version of a webhook, and says nothing of any other.
type Health struct {
	Version string
	lead.Health
}

// A stored Health. The field of an advertiser holds those of its webhooks, as a JSON
// object by id.
type storedHealth struct {
	Version string `json:"v"`
	storedFailing
	Last  *storedFailure `json:"last,omitempty"`
	Doubt *storedDoubt   `json:"doubt,omitempty"`
}

type storedFailing struct {
	Since    time.Time `json:"since,omitzero"`
	Attempts int       `json:"attempts,omitempty"`
	Warned   time.Time `json:"warned_at,omitzero"`
}

type storedFailure struct {
	At     time.Time  `json:"at"`
	Cause  lead.Cause `json:"cause,omitempty"`
	Status int        `json:"status,omitempty"`
	Error  string     `json:"error,omitempty"`
	Answer string     `json:"answer,omitempty"`
}

type storedDoubt struct {
	First      time.Time `json:"first,omitzero"`
	Last       time.Time `json:"last"`
	Deliveries int       `json:"n"`
}

// noteScript changes what is noted of one webhook: KEYS[1] is the hash; ARGV are the
// advertiser's field, the webhook, the version that the change is about, whether it may
// only change what is noted already, the change, and when what is no longer of interest
// was last changed. What cannot be read is forgotten: it was written by nobody, and may be
// lost.
const noteScript = `
local function of(noted, name) return type(noted[name]) == "table" and noted[name] or {} end
local function text(value) return type(value) == "string" and value or "" end
local ok, all = pcall(cjson.decode, redis.call("HGET", KEYS[1], ARGV[1]) or "{}")
local kept = {}
if ok and type(all) == "table" then
  for webhook, noted in pairs(all) do
    if type(webhook) == "string" and type(noted) == "table" and (type(noted.since) == "string" or
      text(of(noted, "last").at) > ARGV[6] or text(of(noted, "doubt").last) > ARGV[6]) then kept[webhook] = noted end
  end
end
local noted = kept[ARGV[2]]
if not noted or noted.v ~= ARGV[3] then
  if ARGV[4] == "known" then return 0 end
  noted = {v = ARGV[3]}
end
local change = cjson.decode(ARGV[5])
if not change.doubt then
  noted.since, noted.attempts, noted.warned_at = change.since, change.attempts, change.warned_at
  noted.last = change.last or noted.last
else
  local doubt = of(noted, "doubt")
  noted.doubt = {first = doubt.first or change.doubt.last, last = change.doubt.last, n = (tonumber(doubt.n) or 0) + change.doubt.n}
end
if noted.since or noted.last or noted.doubt then
  kept[ARGV[2]] = noted
else
  kept[ARGV[2]] = nil
end
if next(kept) == nil then
  redis.call("HDEL", KEYS[1], ARGV[1])
else
  redis.call("HSET", KEYS[1], ARGV[1], cjson.encode(kept))
end
return 1`

// ofInterest is how long it is kept how a webhook failed that works again, or was removed.
const ofInterest = 30 * 24 * time.Hour

// NoteFailing notes since when a version of a webhook has been failing, and how the last
// attempt did, unless that is zero. It takes the place of what was noted of the webhook
// before. [Shares.Get] returns it with the advertiser's record, whether or not that still
// has the webhook.
func (s *Shares) NoteFailing(ctx context.Context, advertiser, webhook, version string, failing lead.Failing, last lead.Failure) error {
	change := storedHealth{storedFailing: storedFailing{failing.Since.UTC(), failing.Attempts, failing.Warned.UTC()}}
	if !last.At.IsZero() {
		change.Last = &storedFailure{last.At.UTC(), last.Cause, last.Status, last.Error, last.Answer}
	}
	return s.note(ctx, advertiser, webhook, version, "", change)
}

// NoteRecovered removes since when this version of a webhook has been failing, and keeps
// for thirty days how it did last.
func (s *Shares) NoteRecovered(ctx context.Context, advertiser, webhook, version string) error {
	return s.note(ctx, advertiser, webhook, version, "known", storedHealth{})
}

// NoteDoubt adds deliveries with doubt to those that are noted of this version of a
// webhook; the last of them was at the given time.
func (s *Shares) NoteDoubt(ctx context.Context, advertiser, webhook, version string, deliveries int, last time.Time) error {
	return s.note(ctx, advertiser, webhook, version, "", storedHealth{Doubt: &storedDoubt{Last: last.UTC(), Deliveries: deliveries}})
}

func (s *Shares) note(ctx context.Context, advertiser, webhook, version, only string, change storedHealth) error {
	text, err := json.Marshal(change)
	if err != nil {
		return fmt.Errorf("encoding what is known of webhook %q: %w", webhook, err)
	}
	key := s.failingKey(Of(advertiser))
	before := time.Now().UTC().Add(-ofInterest).Format(time.RFC3339)
	err = s.rdb.Eval(ctx, noteScript, []string{key}, recordMark+advertiser, webhook, version, only, text, before).Err()
	if err != nil {
		return fmt.Errorf("noting in %q in Redis whether webhook %q is failing: %w", key, webhook, err)
	}
	return nil
}

// keepScript forgets what is noted of webhooks that an advertiser does not have: KEYS[1] is
// the hash; ARGV are the advertiser's field and the webhooks that it has.
const keepScript = `
local ok, all = pcall(cjson.decode, redis.call("HGET", KEYS[1], ARGV[1]) or "{}")
local kept = {}
if ok and type(all) == "table" then
  for i = 2, #ARGV do kept[ARGV[i]] = all[ARGV[i]] end
end
if next(kept) == nil then
  redis.call("HDEL", KEYS[1], ARGV[1])
else
  redis.call("HSET", KEYS[1], ARGV[1], cjson.encode(kept))
end
return 1`

// KeepHealth forgets what is noted of webhooks of some advertisers that are not among those
// that it is given for each of them: they were removed, and nothing else would ever forget them.
func (s *Shares) KeepHealth(ctx context.Context, webhooks map[string][]string) error {
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for advertiser, ids := range webhooks {
			args := make([]any, 0, 1+len(ids))
			args = append(args, recordMark+advertiser)
			for _, id := range ids {
				args = append(args, id)
			}
			p.Eval(ctx, keepScript, []string{s.failingKey(Of(advertiser))}, args...)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forgetting in Redis how webhooks failed that were removed: %w", err)
	}
	return nil
}

// readHealth reads the reply to a HMGET of n advertisers. What is noted may be lost, so
// a key that is no hash is like none: no lead waits for it.
func readHealth(reply *redis.SliceCmd, n int) ([]any, error) {
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

// parseHealth reads an advertiser's field; what cannot be read is nothing.
func parseHealth(field any) map[string]Health {
	text, _ := field.(string)
	var noted map[string]storedHealth
	if text == "" || json.Unmarshal([]byte(text), &noted) != nil || len(noted) == 0 {
		return nil
	}
	all := make(map[string]Health, len(noted))
	for webhook, stored := range noted {
		all[webhook] = stored.health()
	}
	return all
}

func (s *storedHealth) health() Health {
	h := Health{Version: s.Version}
	h.Failing = lead.Failing{Since: s.Since, Attempts: s.Attempts, Warned: s.Warned}
	if l := s.Last; l != nil {
		h.LastFailure = lead.Failure{At: l.At, Cause: l.Cause, Status: l.Status, Error: l.Error, Answer: l.Answer}
	}
	if d := s.Doubt; d != nil {
		h.Doubt = lead.Doubt{First: d.First, Last: d.Last, Deliveries: d.Deliveries}
	}
	return h
}
