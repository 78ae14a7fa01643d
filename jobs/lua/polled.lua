-- Saves what a poll learned about its feed (validators included) and when it is next due.
-- ARGV: feed, delay_ms, then field, value … ; an empty value removes the field
-- Returns 1, or 0 when the feed was removed meanwhile.
local key = K.feed(ARGV[1])
if redis.call('EXISTS', key) == 0 then return 0 end
for i = 3, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', key, ARGV[i]) else redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
end
redis.call('HSET', key, 'next', int(wall + tonumber(ARGV[2])))
redis.call('ZADD', K.feeds, 'XX', int(now + tonumber(ARGV[2])), ARGV[1])
return 1
