-- Leases the feeds that are due to one poller.
-- ARGV: most, lease_ms
-- Returns {feed ids, ms until the next one is due or -1}.
local due = redis.call('ZRANGEBYSCORE', K.feeds, '-inf', int(now), 'LIMIT', 0, ARGV[1])
for _, id in ipairs(due) do
  local lease_end = int(now + tonumber(ARGV[2]))
  redis.call('ZADD', K.feeds, 'XX', lease_end, id)
  redis.call('HSET', K.feed(id), 'leased', lease_end)
end
local first = redis.call('ZRANGE', K.feeds, 0, 0, 'WITHSCORES')
local wait = -1
if first[2] then wait = math.max(0, tonumber(first[2]) - now) end
return {due, int(wait)}
