package ledger

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
const reachedScript = scriptLibrary + `
local per, answer = #KEYS / #ARGV, {}
for b, packed in ipairs(ARGV) do
  for _, mark in ipairs(furthest(fields(packed, 8), (b - 1) * per + 1, b * per)) do
    answer[#answer + 1] = string.char(math.floor(mark / 256), mark % 256)
  end
end
return table.concat(answer)`

// noteScript raises marks. ARGV begins with the seconds that the hashes of the
// two retentions live; the records are field, mark (two bytes), and 1 if the
// delivery was handed on. A mark that Redis has among those of deliveries handed
// on stays there. Run twice, it does the same.
const noteScript = scriptLibrary + `
local per = #KEYS / (#ARGV - 2)
local function store(key, pairs, lives)
  if #pairs > 0 then
    redis.call("HSET", key, unpack(pairs))
    redis.call("EXPIRE", key, lives)
  end
end
for b = 1, #ARGV - 2 do
  local packed, last = ARGV[b + 2], b * per
  local middle = last - per / 2
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
return #ARGV - 2`
