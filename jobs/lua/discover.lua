-- Records what a feed lists. New links become open; known ones are remembered for longer, and opened again when
-- their entry changed.
-- ARGV: feed, keep_ms, least ms between a link's end and its next opening, then per entry: id, url, host,
--       fresh_ms, fingerprint of the entry, take a new link? (1/0), evidence
-- Returns per entry 1: new, 2: opened again, 0: nothing to do.
local feed, keep_ms, rest_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local result = {}
local LEFT = '~'  -- marks an entry that was there before the feed's first poll, and was not taken

local function extend(key)
  if redis.call('PTTL', key) > 0 then redis.call('PEXPIRE', key, keep_ms) end
end

local function remember(id)
  extend(K.link(id))
  extend(K.way(id))
  local feeds = redis.call('HGET', K.link(id), 'feeds')
  if feeds and not string.find(',' .. feeds .. ',', ',' .. feed .. ',', 1, true) and #feeds < 400 then
    redis.call('HSET', K.link(id), 'feeds', feeds .. ',' .. feed)
    note(id, 'listed by feed ' .. feed)
  end
end

local function changed(id, evidence)
  local link = load(id, 'state', 'host', 'home', 'feed', 'closed')
  if link.state ~= 'closed' or wall - tonumber(link.closed or 0) < rest_ms then return 0 end
  link.stage, link.host, link.fresh = 'fetch', link.home or link.host, int(wall)
  redis.call('HDEL', K.link(id), 'home', 'dead')
  open(id, link, {'stage', 'fetch', 'host', link.host, 'fresh', link.fresh, 'ev', evidence})
  note(id, 'its entry changed in feed ' .. feed)
  return 2
end

for i = 4, #ARGV, 7 do
  local id, url, host, fresh, print, take, evidence = unpack(ARGV, i, i + 6)
  local before = redis.call('HGET', K.listed(feed), id)
  local known = id
  if redis.call('EXISTS', K.link(id)) == 0 then
    known = redis.call('GET', K.alias(id))
    if known then extend(K.alias(id)) end
  end
  local kept, opened = print, 0
  if known then
    remember(known)
    if before and before ~= print then
      opened = changed(known, evidence)
      if opened == 0 then kept = before end  -- too soon, or on its way: seen as changed again next time
    end
  elseif take == '0' or (before and string.sub(before, 1, 1) == LEFT) then
    kept = LEFT .. print
  else
    open(id, {stage = 'fetch', host = host, feed = feed, fresh = fresh},
         {'url', url, 'host', host, 'feed', feed, 'feeds', feed, 'stage', 'fetch', 'n', 0, 'seen', int(wall),
          'fresh', fresh, 'ev', evidence})
    note(id, 'seen in feed ' .. feed)
    opened = 1
  end
  redis.call('HSET', K.listed(feed), id, kept)
  result[#result + 1] = opened
end
return result
