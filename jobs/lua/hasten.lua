-- A feed is to be polled sooner than planned (never later).
-- ARGV: feed, why (one clause), within_ms (0: there are news: now, but not within the rest after its last poll),
--       rest_ms
-- Returns 1, or 0 when there is no such feed.
local key, within, rest = K.feed(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[4])
if not redis.call('ZSCORE', K.feeds, ARGV[1]) then return 0 end
local known = redis.call('HMGET', key, 'leased', 'polled')
if tonumber(known[1] or 0) > now then
  -- A poller has it, perhaps with a document from before the news: noted for the poll's end (see polled.lua).
  if within == 0 then redis.call('HSET', key, 'hinted', '1') end
  return 1
end
local wait = within
if within == 0 then wait = math.max(0, math.min(rest, tonumber(known[2] or 0) + rest - wall)) end
if redis.call('ZADD', K.feeds, 'XX', 'LT', 'CH', int(now + wait), ARGV[1]) == 1 then
  redis.call('HSET', key, 'next', int(wall + wait), 'because', ARGV[2])
end
return 1
