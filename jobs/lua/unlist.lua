-- Ends the recording of a document: what it no longer lists leaves the feed's memory. What was left untaken at
-- the first poll stays, so that a feed that lists it again later does not make it new.
-- ARGV: feed, then the ids that the document lists
local listed = {}
for i = 2, #ARGV do listed[ARGV[i]] = true end
local before = redis.call('HGETALL', K.listed(ARGV[1]))
for i = 1, #before, 2 do
  if not listed[before[i]] and string.sub(before[i + 1], 1, 1) ~= '~' then
    redis.call('HDEL', K.listed(ARGV[1]), before[i])
  end
end
