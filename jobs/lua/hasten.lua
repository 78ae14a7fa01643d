-- Somebody says that a feed has news: it is due now, but not within a rest after its last poll. While a poller
-- has it, that is noted for the poll's end (see polled.lua): the document may have been asked for too early.
-- ARGV: feed, rest_ms
-- Returns 1, or 0 when there is no such feed.
local key, rest = K.feed(ARGV[1]), tonumber(ARGV[2])
if not redis.call('ZSCORE', K.feeds, ARGV[1]) then return 0 end
local known = redis.call('HMGET', key, 'leased', 'polled')
if tonumber(known[1] or 0) > now then
  redis.call('HSET', key, 'hinted', '1')
  return 1
end
local wait = math.max(0, math.min(rest, tonumber(known[2] or 0) + rest - wall))
redis.call('ZADD', K.feeds, 'XX', 'LT', int(now + wait), ARGV[1])
return 1
