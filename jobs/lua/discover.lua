-- Records what a feed lists. New links become open; known ones are remembered for longer, and opened again when
-- their entry changed.
-- ARGV: feed, keep_ms, least ms between a link's end and its next opening, then per entry: id, url, host,
--       fresh_ms, fingerprint of the entry, take a new link? (1/0), evidence
-- Returns per entry 1: new, 2: opened again, 0: nothing to do.
local feed, keep_ms, rest_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local result = {}
local LEFT = '~'  -- marks an entry that was there before the feed's first poll, and was not taken

local function begin(id, url, host, fresh, evidence, revision)
  local fields = {'url', url, 'host', host, 'feed', feed, 'feeds', feed, 'stage', 'fetch', 'n', 0,
                  'seen', int(wall), 'fresh', fresh, 'ev', evidence}
  if revision > 0 then fields[#fields + 1], fields[#fields + 2] = 'rev', revision end
  open(id, {stage = 'fetch', host = host, feed = feed, fresh = fresh}, fields)
end

local function add_feed(id)
  local feeds = redis.call('HGET', K.link(id), 'feeds')
  if feeds and not string.find(',' .. feeds .. ',', ',' .. feed .. ',', 1, true) and #feeds < 400 then
    redis.call('HSET', K.link(id), 'feeds', feeds .. ',' .. feed)
    note(id, 'listed by feed ' .. feed)
  end
end

-- A known link whose entry changed. Its record may have ended: then only its newest revision is remembered.
local function changed(id, url, host, evidence)
  local link = load(id, 'state', 'host', 'home', 'feed', 'closed', 'withdrawn')
  if link.withdrawn then return 0 end
  if not link.state then
    local _, revision = recall(id)
    begin(id, url, host, int(wall), evidence, revision or 0)
  elseif link.state ~= 'closed' or wall - tonumber(link.closed or 0) < rest_ms then
    return 0
  else
    link.stage, link.host, link.fresh = 'fetch', link.home or link.host, int(wall)
    redis.call('HDEL', K.link(id), 'home')
    open(id, link, {'stage', 'fetch', 'host', link.host, 'fresh', link.fresh, 'ev', evidence})
  end
  note(id, 'its entry changed in feed ' .. feed)
  return 2
end

for i = 4, #ARGV, 7 do
  local id, url, host, fresh, print, take, evidence = unpack(ARGV, i, i + 6)
  local before = redis.call('HGET', K.listed(feed), id)
  local left = before and string.sub(before, 1, 1) == LEFT
  if left then before = string.sub(before, 2) end
  local kept, opened = print, 0
  if recall(id) then
    sighted(id, keep_ms)
    if before ~= print then
      local known = redis.call('GET', K.alias(id)) or id
      add_feed(known)
      if before then opened = changed(known, url, host, evidence) end
      if before and opened == 0 then kept = before end  -- too soon, or on its way: seen as changed again next time
    end
  elseif take == '0' or left then
    kept = LEFT .. print
  elseif withdrawn(id) then
    keep(id, tonumber(redis.call('HGET', K.link(id), 'rev') or 0), keep_ms)
  else
    begin(id, url, host, fresh, evidence, 0)
    note(id, 'seen in feed ' .. feed)
    keep(id, 0, keep_ms)
    opened = 1
  end
  if kept ~= before or left then redis.call('HSET', K.listed(feed), id, kept) end
  result[#result + 1] = opened
end
return result
