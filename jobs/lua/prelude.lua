-- Shared by every ledger script; jobs/ledger.py puts the table K of key names (jobs/keys.py) before it.
--
-- A link's hash has a field `state` that says where else it stands:
--   ready    in K.ready(lane, feed), its lane in K.lanes (fetch stage) or the lane '*' (article stage)
--   leased   in K.leases(stage): handed out, its job waits in RQ
--   running  in K.leases(stage): its job has begun
--   later    in K.later: waits for a time
--   closed   nowhere: it has its outcome
-- Every link that is not closed is in K.open too. All moves go through leave() and the enter_*() below.

local ARTICLES = '*'

-- Redis's conversion of numbers would write 1.7e+12.
local function int(n) return string.format('%.0f', n) end

-- Milliseconds, never running backwards: when the server's clock steps back, the step goes into an offset.
local function clock()
  local t = redis.call('TIME')
  local wall = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
  local kept = redis.call('HMGET', K.time, 'last', 'offset')
  local last, offset = tonumber(kept[1] or 0), tonumber(kept[2] or 0)
  local now = wall + offset
  local stepped_back = now < last
  if stepped_back then
    offset = offset + (last - now)
    now = last
  end
  if stepped_back or now > last then redis.call('HSET', K.time, 'last', int(now), 'offset', int(offset)) end
  return now, wall
end

local now, wall = clock()

local function load(id, ...)
  local values = redis.call('HMGET', K.link(id), ...)
  local link = {}
  for i, name in ipairs({...}) do link[name] = values[i] end
  return link
end

local PLACE = {'state', 'stage', 'host', 'feed', 'fresh', 'n'}
local function place(id) return load(id, unpack(PLACE)) end

local function note(id, text)
  redis.call('RPUSH', K.way(id), int(wall) .. ' ' .. text)
  redis.call('LTRIM', K.way(id), -60, -1)
end

-- The memory of links: who was ever opened, by the day of its last sighting, and its newest revision. It outlives
-- a link's record, costs some 30 bytes a link (many share a hash, which Redis packs), and is what keeps an entry
-- that a feed lists for years from being new again.
local DAY_MS, MOST_REVISIONS, PRUNED = 86400000, 100, '~'
local today = math.floor(wall / DAY_MS)

local function memory(id)
  return K.known(string.sub(id, 1, 2) .. math.floor((string.byte(id, 3) or 0) / 2)), string.sub(id, 3)
end

-- Day of the last sighting and newest revision, or nil when the link is not known.
local function recall(id)
  local key, field = memory(id)
  local value = tonumber(redis.call('HGET', key, field) or nil)
  if value then return math.floor(value / MOST_REVISIONS), value % MOST_REVISIONS end
end

local function prune(key, keep_ms)
  if tonumber(redis.call('HGET', key, PRUNED) or 0) == today then return end
  local oldest = today - math.ceil(keep_ms / DAY_MS)
  local kept = redis.call('HGETALL', key)
  for i = 1, #kept, 2 do
    if kept[i] ~= PRUNED and tonumber(kept[i + 1]) < oldest * MOST_REVISIONS then redis.call('HDEL', key, kept[i]) end
  end
  redis.call('HSET', key, PRUNED, today)
end

local function keep(id, revision, keep_ms)
  local key, field = memory(id)
  prune(key, tonumber(keep_ms))
  redis.call('HSET', key, field, int(today * MOST_REVISIONS + math.min(revision, MOST_REVISIONS - 1)))
  redis.call('PEXPIRE', key, int(tonumber(keep_ms) + DAY_MS))
end

-- The link is listed: it is remembered from today on, with the one that it leads to.
local function sighted(id, keep_ms)
  local day, revision = recall(id)
  if not day or day == today then return end
  keep(id, revision, keep_ms)
  local owner = redis.call('GET', K.alias(id))
  if not owner then return end
  redis.call('PEXPIRE', K.alias(id), keep_ms)
  local _, newest = recall(owner)
  keep(owner, newest or 0, keep_ms)
end

local function tally(name, by) redis.call('HINCRBY', K.totals, name, by or 1) end

local function wake()
  if redis.call('LLEN', K.wake) == 0 then redis.call('LPUSH', K.wake, '1') end
end

local function lane_of(link)
  if link.stage == 'article' then return ARTICLES end
  return link.host
end

-- Milliseconds between two requests to a host: its own, where one was set, or the general one.
local function delay(host, general) return tonumber(redis.call('GET', K.delay(host)) or general) end

local function slot(host) return tonumber(redis.call('GET', K.slot(host)) or 0) end

-- Moves a host's next free moment to `free`, if that is later. Slots are reserved in time: nothing to give back.
local function reserve(host, free)
  if free <= now or free <= slot(host) then return end
  redis.call('SET', K.slot(host), int(free), 'PX', int(free - now))
  if redis.call('ZSCORE', K.lanes, host) then redis.call('ZADD', K.lanes, int(free), host) end
end

local function enter_ready(id, link)
  local lane = lane_of(link)
  redis.call('HSET', K.link(id), 'state', 'ready')
  redis.call('ZADD', K.ready(lane, link.feed), int(-tonumber(link.fresh or 0)), id)
  redis.call('HINCRBY', K.waiting, link.stage, 1)
  if not redis.call('ZSCORE', K.lane(lane), link.feed) then
    redis.call('ZADD', K.lane(lane), redis.call('INCR', K.turn), link.feed)
  end
  if lane ~= ARTICLES then redis.call('ZADD', K.lanes, 'NX', int(math.max(now, slot(lane))), lane) end
  wake()
end

local function enter_later(id, due)
  redis.call('HSET', K.link(id), 'state', 'later')
  redis.call('ZADD', K.later, int(due), id)
  wake()  -- the dispatcher may be waiting for something later still
end

local function drop_empty_lane(lane, feed)
  if redis.call('EXISTS', K.ready(lane, feed)) == 0 then redis.call('ZREM', K.lane(lane), feed) end
  if lane ~= ARTICLES and redis.call('EXISTS', K.lane(lane)) == 0 then redis.call('ZREM', K.lanes, lane) end
end

-- Takes a link from where it stands.
local function leave(id, link)
  if link.state == 'ready' then
    local lane = lane_of(link)
    if redis.call('ZREM', K.ready(lane, link.feed), id) == 1 then
      redis.call('HINCRBY', K.waiting, link.stage, -1)
      drop_empty_lane(lane, link.feed)
    end
  elseif link.state == 'leased' or link.state == 'running' then
    redis.call('ZREM', K.leases(link.stage), id)
    wake()  -- there is room in the window
  elseif link.state == 'later' then
    redis.call('ZREM', K.later, id)
  end
end

-- May the job of this attempt still decide about the link? Not when it is closed or another attempt was leased.
local function current(id, link, attempt)
  return link.state and link.state ~= 'closed' and tonumber(link.n) == tonumber(attempt)
end

local WORKING = {'next', 'hops', 'tries', 'deaths', 'kills', 'job', 'fresh', 'opened'}

local function close(id, link, outcome, reason, detail, keep_ms)
  leave(id, link)
  redis.call('ZREM', K.open, id)
  redis.call('HDEL', K.link(id), unpack(WORKING))
  -- A failed link may be requeued, and then needs what its feed said of it; else that is kept with the page.
  if outcome ~= 'failed' then redis.call('HDEL', K.link(id), 'ev') end
  redis.call('HSET', K.link(id), 'state', 'closed', 'outcome', outcome, 'closed', int(wall))
  if reason ~= '' then
    redis.call('HSET', K.link(id), 'reason', reason, 'detail', detail)
  else
    redis.call('HDEL', K.link(id), 'reason', 'detail')
  end
  redis.call('PEXPIRE', K.link(id), keep_ms)
  redis.call('PEXPIRE', K.way(id), keep_ms)
  tally(outcome)
  if reason ~= '' then tally(outcome .. ':' .. reason) end
end

local function open(id, link, fields)
  redis.call('HSET', K.link(id), 'opened', int(wall), 'tries', 0, 'deaths', 0, 'kills', 0, unpack(fields))
  redis.call('HDEL', K.link(id), 'outcome', 'reason', 'detail', 'closed')
  redis.call('PERSIST', K.link(id))
  redis.call('PERSIST', K.way(id))
  redis.call('ZADD', K.open, int(wall), id)
  redis.call('ZREM', K.dead, id)
  tally('discovered')
  enter_ready(id, link)
end
