-- Leases the feeds that are due to one poller.
-- ARGV: most, lease_ms
-- Returns {feeds, ms until the next one is due or -1}; of a feed its id and its hash.
local due = redis.call('ZRANGEBYSCORE', K.feeds, '-inf', int(now), 'LIMIT', 0, ARGV[1])
local lease_end, feeds = int(now + tonumber(ARGV[2])), {}
for i, id in ipairs(due) do
  redis.call('ZADD', K.feeds, 'XX', lease_end, id)
  feeds[i] = {id, redis.call('HGETALL', K.feed(id))}
  redis.call('HSET', K.feed(id), 'leased', lease_end)
end
local first = redis.call('ZRANGE', K.feeds, 0, 0, 'WITHSCORES')
local wait = -1
if first[2] then wait = math.max(0, tonumber(first[2]) - now) end
return {feeds, int(wait)}
