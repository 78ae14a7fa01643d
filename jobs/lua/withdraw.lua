-- Takes an article down: says so on the stream, ends its link for good, and drops what is kept of it by name.
-- What else the stream holds of it goes with purge.lua.
-- ARGV: id, newest revision on the stream as the caller knows it (0: none), event id, event type, event (of the
--       revision after that), id of the final URL, keep_ms, reason word, note, url and host (for a link that has
--       no record)
-- Returns {'done', dead job or '', entries dropped}, {'before', ''} when that was done already, or {'again', newest revision} when
-- the caller knows another one.
local id, final, keep_ms = ARGV[1], ARGV[6], ARGV[7]
local link = load(id, 'state', 'stage', 'host', 'feed', 'fresh', 'n', 'rev', 'dead', 'entry', 'withdrawn')
if link.withdrawn then return {'before', ''} end
local _, remembered = recall(id)
local revision, dropped = tonumber(link.rev or remembered or 0), 0
if revision ~= tonumber(ARGV[2]) then return {'again', int(revision)} end

if not link.state then
  link.state, link.stage, link.host, link.feed = 'closed', 'fetch', ARGV[11], ''
  redis.call('HSET', K.link(id), 'url', ARGV[10], 'host', ARGV[11], 'feed', '', 'feeds', '', 'stage', 'fetch',
             'n', 0, 'seen', int(wall))
end
-- Each opening has one outcome: that of an open link ends with this, else this is one of its own.
if link.state == 'closed' then
  tally('discovered')
  tally_day(link, 'discovered', '')
end
for place, line in ipairs(redis.call('LRANGE', K.way(id), 0, -1)) do
  local short = string.match(line, '^%d+ published [^%s;]+')
  if short then redis.call('LSET', K.way(id), place - 1, short) end  -- what follows has excerpts of the text
end
note(id, ARGV[9])
if revision > 0 then
  close(id, link, 'published', '', '', keep_ms)
  local entry = redis.call('XADD', K.stream, '*', 'id', ARGV[3], 'type', ARGV[4], 'event', ARGV[5])
  redis.call('PUBLISH', K.stream, ARGV[5])
  revision = revision + 1
  redis.call('HSET', K.link(id), 'rev', int(revision), 'entry', entry)
  if link.entry then dropped = drop_entry(link.entry) end
else
  close(id, link, 'skipped', ARGV[8], '', keep_ms)  -- nobody ever saw it
end
redis.call('HSET', K.link(id), 'withdrawn', int(wall))
redis.call('HDEL', K.link(id), 'ev', 'sums', 'val', 'dead', 'was', 'pub', 'gone', 'missing')
redis.call('ZREM', K.dead, id)
redis.call('ZREM', K.rechecks, id)
redis.call('DEL', K.page(id))
keep(id, revision, keep_ms)
-- Both are the memory of it, so they stay: no listing and no redirect brings it back.
redis.call('PERSIST', K.link(id))
redis.call('PERSIST', K.way(id))
if final ~= id and (redis.call('GET', K.alias(final)) or id) == id then redis.call('SET', K.alias(final), id) end
return {'done', link.dead or '', dropped}
