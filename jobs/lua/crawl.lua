-- What an origin's robots.txt says about the time between requests. It holds for the whole host.
-- ARGV: host, origin, crawl delay in ms (0: it says nothing), keep_ms, most origins to remember
local host, origin, ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local key = K.crawl(host)
redis.call('HDEL', key, origin)
if ms == 0 then return end
local stored, shortest, count = redis.call('HGETALL', key), nil, 0
for i = 1, #stored, 2 do
  local other, till = string.match(stored[i + 1], '^(%d+) (%d+)$')
  if tonumber(till) <= wall then
    redis.call('HDEL', key, stored[i])
  else
    count = count + 1
    if not shortest or tonumber(other) < shortest.ms then shortest = {ms = tonumber(other), origin = stored[i]} end
  end
end
if count >= tonumber(ARGV[5]) then
  if shortest.ms >= ms then return end  -- it adds nothing to what holds
  redis.call('HDEL', key, shortest.origin)
end
redis.call('HSET', key, origin, int(ms) .. ' ' .. int(wall + tonumber(ARGV[4])))
if redis.call('PTTL', key) < tonumber(ARGV[4]) then redis.call('PEXPIRE', key, ARGV[4]) end
if not redis.call('GET', K.delay(host)) then reserve(host, now + ms) end  -- who read it is about to ask
