-- A feed was polled and is unchanged: what it lists is still listed, so it must not be forgotten. Once a day.
-- ARGV: feed, keep_ms
local key = K.feed(ARGV[1])
if tonumber(redis.call('HGET', key, 'sighted') or 0) == today then return end
for _, id in ipairs(redis.call('HKEYS', K.listed(ARGV[1]))) do sighted(id, ARGV[2]) end
if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'sighted', today) end
