-- Records what a feed lists: new links become open, known ones are remembered for longer.
-- ARGV: feed, keep_ms, first batch of the document? (1/0), then per entry: id, url, host, fresh_ms, evidence
-- Returns per entry 1 for a new link, 0 for a known one.
local feed, keep_ms = ARGV[1], ARGV[2]
local result = {}
if ARGV[3] == '1' then redis.call('DEL', K.listed(feed)) end

local function remember(id)
  if redis.call('PTTL', K.link(id)) > 0 then
    redis.call('PEXPIRE', K.link(id), keep_ms)
    redis.call('PEXPIRE', K.way(id), keep_ms)
  end
  local feeds = redis.call('HGET', K.link(id), 'feeds')
  if feeds and not string.find(',' .. feeds .. ',', ',' .. feed .. ',', 1, true) and #feeds < 400 then
    redis.call('HSET', K.link(id), 'feeds', feeds .. ',' .. feed)
    note(id, 'listed by feed ' .. feed)
  end
end

for i = 4, #ARGV, 5 do
  local id, url, host, fresh, evidence = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local owner = redis.call('GET', K.alias(id))
  redis.call('SADD', K.listed(feed), id)
  if owner and redis.call('EXISTS', K.link(id)) == 0 then
    redis.call('PEXPIRE', K.alias(id), keep_ms)
    remember(owner)
    result[#result + 1] = 0
  elseif redis.call('EXISTS', K.link(id)) == 1 then
    remember(id)
    result[#result + 1] = 0
  else
    local link = {stage = 'fetch', host = host, feed = feed, fresh = fresh}
    open(id, link, {'url', url, 'host', host, 'feed', feed, 'feeds', feed, 'stage', 'fetch', 'n', 0,
                    'seen', int(wall), 'fresh', fresh, 'ev', evidence})
    note(id, 'seen in feed ' .. feed)
    result[#result + 1] = 1
  end
end
return result
