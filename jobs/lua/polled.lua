-- Saves what a poll learned about its feed (validators included) and when it is next due.
-- ARGV: feed, delay_ms, rest_ms, how often the feed had been edited when the poll began, then field, value … ;
--       an empty value removes the field. When somebody said during the poll that there are news (see
--       hasten.lua), the feed is due again after the rest. When an operator changed the feed during the poll,
--       what it learned is of the feed as it was: nothing is saved, and the edit has said when the next one is.
-- Returns 1, or 0 when the feed was removed meanwhile.
local key = K.feed(ARGV[1])
if redis.call('EXISTS', key) == 0 then return 0 end
local known = redis.call('HMGET', key, 'edited', 'hinted')
if tonumber(known[1] or 0) ~= tonumber(ARGV[4]) then
  redis.call('HDEL', key, 'leased')
  return 1
end
local set, gone = {}, {'leased', 'hinted'}
for i = 5, #ARGV, 2 do
  if ARGV[i + 1] == '' then gone[#gone + 1] = ARGV[i] else set[#set + 1], set[#set + 2] = ARGV[i], ARGV[i + 1] end
end
local delay = tonumber(ARGV[2])
if known[2] then delay = math.min(delay, tonumber(ARGV[3])) end
redis.call('HDEL', key, unpack(gone))
redis.call('HSET', key, 'next', int(wall + delay), unpack(set))
redis.call('ZADD', K.feeds, 'XX', int(now + delay), ARGV[1])
return 1
