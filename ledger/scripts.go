package ledger

import "github.com/redis/go-redis/v9"

// A script is sent as its hash, which stands for the text on every server that has run it
// before.
type script struct{ text, hash string }

func newScript(text string) script { return script{text, redis.NewScript(text).Hash()} }

// The scripts work on many buckets at once, in one shard of Redis. KEYS has the
// same number of hashes for each bucket, which may hold its marks; ARGV has, in
// one string for each bucket, a record for each delivery that begins with its
// field. A stored mark is decimal, and "0" for delivered, which packs best.
//
// What is the same for a whole batch is done in Redis, and what would be a
// command, an argument and a reply for each delivery is packed: most of what a
// look-up costs this process is reading and writing the protocol.
const scriptLibrary = `
local function fields(packed, width)
  local list = {}
  for at = 1, #packed, width do list[#list + 1] = string.sub(packed, at, at + 7) end
  return list
end

-- The hashes that are there are mostly the last ones.
local function furthest(list, first, last)
  local marks = {}
  for i = 1, #list do marks[i] = 0 end
  local left = redis.call("EXISTS", unpack(KEYS, first, last))
  for k = last, first, -1 do
    if left == 0 then break end
    if redis.call("EXISTS", KEYS[k]) == 1 then
      left = left - 1
      for i, stored in ipairs(redis.call("HMGET", KEYS[k], unpack(list))) do
        if stored == "0" then marks[i] = 65535
        elseif stored then marks[i] = math.max(marks[i], tonumber(stored)) end
      end
    end
  end
  return marks
end
`

// reachedScript returns the marks of all deliveries, two bytes each.
var reachedScript = newScript(scriptLibrary + `
local per, answer = #KEYS / #ARGV, {}
for b, packed in ipairs(ARGV) do
  for _, mark in ipairs(furthest(fields(packed, 8), (b - 1) * per + 1, b * per)) do
    answer[#answer + 1] = string.char(math.floor(mark / 256), mark % 256)
  end
end
return table.concat(answer)`)

// noteScript raises marks. ARGV begins with the seconds that the hashes of the
// two retentions live, and how many of a bucket's hashes are of the first; the records are field, mark (two bytes), and 1 if the
// delivery was handed on. A mark that Redis has among those of deliveries handed
// on stays there. Run twice, it does the same.
var noteScript = newScript(scriptLibrary + `
local per, short_lived = #KEYS / (#ARGV - 3), tonumber(ARGV[3])
local function store(key, pairs, lives)
  if #pairs > 0 then
    redis.call("HSET", key, unpack(pairs))
    redis.call("EXPIRE", key, lives)
  end
end
for b = 1, #ARGV - 3 do
  local packed, last = ARGV[b + 3], b * per
  local middle = last - per + short_lived
  local list = fields(packed, 11)
  local delivered = furthest(list, last - per + 1, middle)
  local handed = furthest(list, middle + 1, last)
  local short, long = {}, {}
  for i, field in ipairs(list) do
    local high, low, waited = string.byte(packed, (i - 1) * 11 + 9, i * 11)
    local mark = math.max(high * 256 + low, delivered[i], handed[i])
    local pairs = (waited == 1 or handed[i] > 0) and long or short
    pairs[#pairs + 1] = field
    pairs[#pairs + 1] = mark == 65535 and "0" or tostring(mark)
  end
  store(KEYS[middle], short, ARGV[1])
  store(KEYS[last], long, ARGV[2])
end
return #ARGV - 3`)

// probeScript writes what means nothing and expires. It returns why Redis takes no
// writes, or nothing.
const probeScript = `
local answer = redis.pcall("SET", KEYS[1], 1, "EX", 60)
return answer.err or ""`

// claimScript returns what became of the claims, one letter; the time in milliseconds;
// of each delivery the mark, two bytes, and for how many milliseconds another instance
// still has it, three bytes; and why Redis takes no writes. ARGV begins with how many of
// the hashes of each bucket are for claims, the first of their periods, the length of a
// period, how long a claim lasts, and who asks. The records are field, what is asked for,
// the mark of the record (two bytes), and the number of the claim (six bytes). A claim is
// who has it, its number, and until when.
//
// Where Redis takes no writes, or does not tell the time, marks are looked up all the same.
var claimScript = newScript(scriptLibrary + `
local count, first, period, lasts, owner = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local head = 5
local per = #KEYS / (#ARGV - head)
local clock = redis.pcall("TIME")
local refusal = clock.err
local now = refusal and 0 or clock[1] * 1000 + math.floor(clock[2] / 1000)
local current = math.floor(now / period) - first + 1
local ends = string.format("%.0f", now + lasts)
local missed = not refusal and (current > count or current - math.ceil(lasts / period) < 1)

local function number(s, at)
  local a, b, c, d, e, f = string.byte(s, at, at + 5)
  return ((((a * 256 + b) * 256 + c) * 256 + d) * 256 + e) * 256 + f
end

local function try(...)
  local answer = redis.pcall(...)
  if type(answer) == "table" and answer.err then refusal = answer.err end
end

-- What others have of the deliveries, and the newest claim of who asks. Releases are done
-- on the way.
local function holders(records, list, from)
  local held, mine = {}, {}
  for k = from, from + count - 1 do
    local found = redis.call("EXISTS", KEYS[k]) == 1 and redis.call("HMGET", KEYS[k], unpack(list)) or {}
    for i, claim in ipairs(found) do
      if claim and string.sub(claim, 1, 8) == owner then
        local n = number(claim, 9)
        mine[i] = math.max(mine[i] or 0, n)
        if string.byte(records, i * 17 - 8) == 114 and n <= number(records, i * 17 - 5) then try("HDEL", KEYS[k], list[i]) end
      elseif claim then
        held[i] = math.max(held[i] or 0, tonumber(string.sub(claim, 15)) - now)
      end
    end
  end
  return held, mine
end

local function claim(records, list, marks, from)
  local held, mine = holders(records, list, from)
  local taken = {}
  for i, field in ipairs(list) do
    local op, high, low = string.byte(records, i * 17 - 8, i * 17 - 6)
    if op ~= 99 or marks[i] > high * 256 + low then held[i] = 0
    elseif (held[i] or 0) == 0 and (mine[i] or 0) <= number(records, i * 17 - 5) then
      taken[#taken + 1] = field
      taken[#taken + 1] = owner .. string.sub(records, i * 17 - 5, i * 17) .. ends
    end
  end
  if #taken > 0 then
    try("HSET", KEYS[from + current - 1], unpack(taken))
    try("EXPIRE", KEYS[from + current - 1], math.ceil((period + lasts) / 1000) + 1)
  end
  return held
end

local function asks(records)
  for at = 9, #records, 17 do
    if string.byte(records, at) ~= 108 then return true end
  end
end

local answer = {""}
for b = 1, #ARGV - head do
  local records, last = ARGV[head + b], b * per
  local list, held = fields(records, 17), {}
  local marks = furthest(list, last - per + 1, last - count)
  if not refusal and not missed and asks(records) then held = claim(records, list, marks, last - count + 1) end
  for i, mark in ipairs(marks) do
    local ms = held[i] or 0
    answer[#answer + 1] = string.char(math.floor(mark / 256), mark % 256, math.floor(ms / 65536), math.floor(ms / 256) % 256, ms % 256)
  end
end
answer[1] = (refusal and "r" or missed and "m" or "k") .. string.format("%013.0f", now)
answer[#answer + 1] = refusal or ""
return table.concat(answer)`)
