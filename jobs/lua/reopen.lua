-- Opens closed links again: a requeue from the dead letter, a refetch, a replay (see jobs/reopening.py).
-- ARGV: how (requeue | refetch | afresh | lift | replay | enrich | publish | recheck), ahead of what is new? (1/0), note, reasons for which a requeue
--       does not use the kept page (each between blanks), then ids
-- Returns per id {1, dead job or ''} when it was opened, {0, ''} when it is open already, {-1, ''} when it is not
-- known, {-2, ''} when a replay has no page, {-3, ''} when the article was withdrawn, which only `lift` undoes, {-4, ''}
-- when its newest event is gone from the stream and `enrich` or `publish` would need it.
local how, ahead, because, to_blame = ARGV[1], ARGV[2] == '1', ARGV[3], ARGV[4]
local UNKNOWN, NO_PAGE, WITHDRAWN, NO_EVENT = -1, -2, -3, -4
local AGAIN = {replay = true, enrich = true, publish = true}

local function uses_page(id, link)
  if AGAIN[how] then return true end
  if how ~= 'requeue' or link.stage ~= 'article' then return false end
  return not string.find(to_blame, ' ' .. (link.reason or '') .. ' ', 1, true)
end

local function reopen(id)
  local link = load(id, 'state', 'stage', 'host', 'feed', 'home', 'dead', 'reason', 'seen', 'withdrawn', 'entry')
  if not link.state then return {UNKNOWN, ''} end
  if link.state ~= 'closed' then return {0, ''} end
  if link.withdrawn and how ~= 'lift' then return {WITHDRAWN, ''} end
  local kept = redis.call('EXISTS', K.page(id)) == 1
  if how == 'replay' and not kept then return {NO_PAGE, ''} end
  local by_event = AGAIN[how] and how ~= 'replay'
  if by_event and (not link.entry or #redis.call('XRANGE', K.stream, link.entry, link.entry) == 0) then
    return {NO_EVENT, ''}
  end
  link.stage = (kept or by_event) and uses_page(id, link) and 'article' or 'fetch'
  link.host = link.home or link.host
  -- Behind: seconds where new links have milliseconds, so after all of them, and the newest first as ever.
  link.fresh = int(ahead and wall or math.floor(tonumber(link.seen or 0) / 1000))
  redis.call('HDEL', K.link(id), 'home', 'withdrawn')
  if how == 'afresh' or how == 'lift' then redis.call('HDEL', K.link(id), 'val') end
  open(id, link, {'stage', link.stage, 'host', link.host, 'fresh', link.fresh})
  if AGAIN[how] or how == RECHECK then redis.call('HSET', K.link(id), 'redo', how) end
  note(id, because)
  return {1, link.dead or ''}
end

local result = {}
for i = 5, #ARGV do result[#result + 1] = reopen(ARGV[i]) end
return result
