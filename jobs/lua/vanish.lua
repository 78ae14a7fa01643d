-- The site says that a published article is not there any more: withdraws it, or, where that is not certain yet, has
-- the site asked again.
-- ARGV: id, attempt, certain? (1/0), ms for which a page has to be missing before that is certain, event id, event
--       type, event (of the next revision), digests of what it says, keep_ms, what the site said, when articles are
--       re-checked ('' for never)
-- Returns 'published', 'unchanged' (it is to be asked again, or was withdrawn before) or 'overtaken'.
local id, certain, patience_ms, keep_ms, said = ARGV[1], ARGV[3] == '1', tonumber(ARGV[4]), ARGV[9], ARGV[10]
local link = load(id, 'state', 'stage', 'host', 'feed', 'fresh', 'n', 'over', 'rev', 'entry', 'missing', 'gone')
if not current(id, link, ARGV[2]) then return 'overtaken' end

local function unchanged(text)
  note(id, 'unchanged (' .. text .. ': ' .. said .. ')')
  close(id, link, 'unchanged', '', '', keep_ms)
  return 'unchanged'
end

if link.gone then return unchanged('its publisher withdrew it before') end
local missing = tonumber(link.missing or now)
if not certain and now < missing + patience_ms then
  -- Without validators: the next answer that is a page says that it is there again.
  redis.call('HSET', K.link(id), 'missing', int(missing))
  redis.call('HDEL', K.link(id), 'val')
  local due = missing + patience_ms * (1 + SPREAD * spread(id))
  local planned = tonumber(redis.call('ZSCORE', K.rechecks, id) or nil)
  if ARGV[11] ~= '' and (not planned or planned > due) then redis.call('ZADD', K.rechecks, int(due), id) end
  return unchanged('missing; withdrawn if it still is so later')
end

local revision = tonumber(link.rev) + 1
local entry = redis.call('XADD', K.stream, '*', 'id', ARGV[5], 'type', ARGV[6], 'event', ARGV[7])
redis.call('PUBLISH', K.stream, ARGV[7])
redis.call('HSET', K.link(id), 'rev', int(revision), 'entry', entry, 'sums', ARGV[8], 'gone', int(wall))
redis.call('HDEL', K.link(id), 'val', 'missing', 'was')
redis.call('DEL', K.page(id))
keep(id, revision, keep_ms)
note(id, 'withdrawn by its publisher: ' .. ARGV[5] .. ' (' .. said .. ')')
close(id, link, 'published', '', '', keep_ms)
return 'published'
