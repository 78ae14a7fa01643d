-- Who else has bands of this article's sketch; and from now on it has them too.
-- ARGV: id, days to look back, ms to keep (0: only look), most candidates, bands …
-- Returns the candidates, those with most bands in common first: id, event, id, event, …
-- The bands of a day are spread over many hashes, which Redis packs: some 30 bytes a band.
local SHARDS = 8192
local id, window, keep_ms, most = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local hits, found = {}, {}
for i = 5, #ARGV do
  local band = ARGV[i]
  local shard = (string.byte(band, 1) * 256 + string.byte(band, 2)) % SHARDS
  local field = string.sub(band, 2)
  for day = today - window, today do
    local other = redis.call('HGET', K.bands(int(day) .. ':' .. int(shard)), field)
    if other and other ~= id then
      if not hits[other] then
        hits[other] = 0
        found[#found + 1] = other
      end
      hits[other] = hits[other] + 1
    end
  end
  local key = K.bands(int(today) .. ':' .. int(shard))
  if keep_ms ~= '0' and redis.call('HSETNX', key, field, id) == 1 and redis.call('HLEN', key) == 1 then
    redis.call('PEXPIRE', key, keep_ms)
  end
end
table.sort(found, function(a, b)
  if hits[a] ~= hits[b] then return hits[a] > hits[b] end
  return a < b
end)
local told = {}
for i = 1, math.min(#found, most) do
  local entry = redis.call('HGET', K.link(found[i]), 'entry')
  local there = entry and redis.call('XRANGE', K.stream, entry, entry)[1]
  if there then
    told[#told + 1] = found[i]
    told[#told + 1] = there[2][6]
  end
end
return told
