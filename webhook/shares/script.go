package shares

import "github.com/redis/go-redis/v9"

// fillScript takes a share from one place to another: KEYS[1] is its hash; ARGV are the
// epoch, the place it must be at and the place it will be at, and then the key, the
// offset and the value of each record. It returns what came of it, and to what.
//
// A record counts if it is of the epoch and its number is greater than that of the
// stored one. It is ignored if it is the stored one once more, by its change id. Any
// other is refused, which leaves a mark if something is stored: what compaction keeps
// of the key in the topic may then be the refused one.
//
// Everything is decided before anything is written, since Redis does not undo what a
// script has written when it fails. A full Redis, and one that is read-only, refuses
// the first write. The place is written last.
var fillScript = redis.NewScript(`
local share, epoch, from, to = KEYS[1], ARGV[1], ARGV[2], ARGV[3]

local function stamp(value)
  local e, n, c = string.match(value, "^leadhook/1 (%w+) ([1-9]%d*) (%w+)\n")
  if not e or #e > 64 or #n > 16 or #c > 64 or tonumber(n) > 9007199254740991 then return nil end
  return {epoch = e, number = tonumber(n), change = c}
end

local kind = redis.call("TYPE", share).ok
if kind ~= "none" and kind ~= "hash" then return {"no hash"} end
local now = redis.call("HMGET", share, "applied", "marks")
if (now[1] or "") ~= from or now[1] == "" then return {"moved"} end
local fresh, marks = from == "", 0
if now[2] and not fresh then
  if not string.match(now[2], "^%d+$") then return {"no marks"} end
  marks = tonumber(now[2])
end

local none = {number = 0}
local latest = {}
local function stored(key)
  if latest[key] then return latest[key] end
  local value = not fresh and redis.call("HGET", share, "=" .. key)
  if not value then return none end
  local found = stamp(value)
  if found and found.epoch ~= epoch then found = nil end
  latest[key] = found
  return found
end

local put, mark = {}, {}
for i = 4, #ARGV, 3 do
  local key, offset, value = ARGV[i], ARGV[i+1], ARGV[i+2]
  local record = stamp(value)
  if not record then return {"no record", key, offset} end
  local old = stored(key)
  if not old then return {"no stored", key} end
  if record.epoch ~= epoch then
    if old ~= none then mark[key] = offset end
  elseif record.number > old.number and record.change ~= old.change then
    latest[key], put[key], mark[key] = record, value, ""
  elseif record.change ~= old.change then
    mark[key] = offset
  end
end

if fresh then redis.call("DEL", share) end
for key, value in pairs(put) do redis.call("HSET", share, "=" .. key, value) end
local before = marks
for key, offset in pairs(mark) do
  if offset ~= "" then
    marks = marks + redis.call("HSET", share, "!" .. key, offset)
  elseif before > 0 then
    marks = marks - redis.call("HDEL", share, "!" .. key)
  end
end
if marks ~= before then redis.call("HSET", share, "marks", string.format("%d", math.max(marks, 0))) end
redis.call("HSET", share, "applied", to)
return {"filled"}`)
