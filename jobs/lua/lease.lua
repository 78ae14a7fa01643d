-- Hands out what is due, within the window of each stage.
-- ARGV: lease_ms, host_delay_ms, window of fetch, window of article, pages that may wait, max links to hand out,
--       attempts after which a link that never reports back is lost, deaths that are poison, when articles are
--       re-checked (ms after publication, ascending, between blanks; '' for never)
-- Returns {links, hopeless, wait_ms}: links {id, stage, attempt, url, host, job before or ''}, hopeless
-- {id, attempt, reason} for the caller to give up, and ms until something is due (-1: nothing is).
local lease_ms, delay_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local window = {fetch = tonumber(ARGV[3]), article = tonumber(ARGV[4])}
local max_pages, most = tonumber(ARGV[5]), tonumber(ARGV[6])
local max_tries, max_deaths, steps = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]
local SWEEP = 200  -- what one call moves at most, so that no call takes long
local links, hopeless = {}, {}

-- 1. Leases that ran out: their job was lost with a worker, a queue or a Redis.
for _, stage in ipairs({'fetch', 'article'}) do
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', K.leases(stage), '-inf', int(now), 'LIMIT', 0, SWEEP)) do
    local link = load(id, 'state', 'stage', 'host', 'feed', 'fresh', 'n', 'tries')
    local deaths = 0
    if not link.state then
      redis.call('ZREM', K.leases(stage), id)
      redis.call('ZREM', K.open, id)
    else
      -- Only an attempt that ran in the article stage counts as a death: it may be the page that kills.
      if stage == 'article' and link.state == 'running' then
        deaths = redis.call('HINCRBY', K.link(id), 'deaths', 1)
      end
      if deaths >= max_deaths then
        hopeless[#hopeless + 1] = {id, link.n, 'poison'}
      elseif link.state == 'running' and tonumber(link.tries or 0) >= max_tries then
        hopeless[#hopeless + 1] = {id, link.n, 'lost'}
      else
        did(link, 'lost')
        note(id, 'lease of attempt ' .. link.n .. ' ran out while ' .. link.state)
        -- A job that never began was lost on the way to it: that is not the link's doing.
        if link.state == 'leased' then redis.call('HINCRBY', K.link(id), 'tries', -1) end
        leave(id, link)
        enter_ready(id, link)
      end
    end
  end
end

-- 2. Waits that are over.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', K.later, '-inf', int(now), 'LIMIT', 0, SWEEP)) do
  local link = place(id)
  redis.call('ZREM', K.later, id)
  if link.state then enter_ready(id, link) else redis.call('ZREM', K.open, id) end
end

-- The next link of a lane: feeds in turn, the freshest link of each.
local function take(lane, stage)
  while true do
    local feed = redis.call('ZRANGE', K.lane(lane), 0, 0)[1]
    if not feed then return nil end
    local popped = redis.call('ZPOPMIN', K.ready(lane, feed))
    if redis.call('EXISTS', K.ready(lane, feed)) == 1 then
      redis.call('ZADD', K.lane(lane), redis.call('INCR', K.turn), feed)
    else
      redis.call('ZREM', K.lane(lane), feed)
    end
    if popped[1] then
      redis.call('HINCRBY', K.waiting, stage, -1)
      if redis.call('EXISTS', K.link(popped[1])) == 1 then return popped[1] end
      redis.call('ZREM', K.open, popped[1])
    end
  end
end

local function hand_out(id, stage)
  local link = load(id, 'url', 'next', 'host', 'job')
  local attempt = redis.call('HINCRBY', K.link(id), 'n', 1)
  redis.call('HINCRBY', K.link(id), 'tries', 1)
  redis.call('HSET', K.link(id), 'state', 'leased', 'job', stage .. '-' .. attempt)
  redis.call('ZADD', K.leases(stage), int(now + lease_ms), id)
  links[#links + 1] = {id, stage, attempt, link.next or link.url, link.host, link.job or ''}
end

-- 3. Articles first: they free pages.
local room = window.article - redis.call('ZCARD', K.leases('article'))
while room > 0 and #links < most do
  local id = take('*', 'article')
  if not id then break end
  hand_out(id, 'article')
  room = room - 1
end

-- The next link of a host, which then is free again after its delay.
local function hand_out_at(lane)
  local id = take(lane, 'fetch')
  if id then
    hand_out(id, 'fetch')
    room = room - 1
  end
  local free_again = now + delay(lane, delay_ms)
  if redis.call('EXISTS', K.lane(lane)) == 1 then
    redis.call('ZADD', K.lanes, int(free_again), lane)
  else
    redis.call('ZREM', K.lanes, lane)
  end
  if id then reserve(lane, free_again) end
end

-- 4. One link each for the hosts that are free, unless too many pages wait already.
local waiting = tonumber(redis.call('HGET', K.waiting, 'article') or 0)
local pages = waiting + redis.call('ZCARD', K.leases('article'))
room = math.min(window.fetch - redis.call('ZCARD', K.leases('fetch')), max_pages - pages)
while room > 0 and #links < most do
  local lane = redis.call('ZRANGEBYSCORE', K.lanes, '-inf', int(now), 'LIMIT', 0, 1)[1]
  if not lane then break end
  local free = slot(lane)
  if free > now then
    redis.call('ZADD', K.lanes, int(free), lane)  -- a poll or a Retry-After took the host meanwhile
  else
    hand_out_at(lane)
  end
end

-- 5. Articles whose re-check is due, behind all else: at a host where nothing waits and which is free at this moment,
-- and in one half of the window at most. Else they come again soon, each at another time.
local SOON_MS, WHILE_MS = 1000, 59000

local function recheck(id)
  local link = load(id, 'state', 'feed', 'host', 'home', 'seen', 'withdrawn', 'pub')
  local host = link.home or link.host
  if link.state == 'closed' and not link.withdrawn and (redis.call('EXISTS', K.lane(host)) == 1 or slot(host) > now) then
    local again = math.max(now, slot(host)) + SOON_MS + math.random() * WHILE_MS
    redis.call('ZADD', K.rechecks, int(again), id)
    return
  end
  local following = link.pub and not link.withdrawn and next_recheck(id, tonumber(link.pub), steps)
  if following then
    redis.call('ZADD', K.rechecks, int(following), id)
  else
    redis.call('ZREM', K.rechecks, id)
    if link.pub then redis.call('HDEL', K.link(id), 'pub') end
  end
  -- One that is on its way is being looked at just now.
  if link.state ~= 'closed' or link.withdrawn then return end
  link.feed, link.stage, link.host, link.fresh = link.feed or '', 'fetch', host, int(math.floor(tonumber(link.seen or 0) / 1000))
  redis.call('HDEL', K.link(id), 'home')
  open(id, link, {'stage', 'fetch', 'host', host, 'fresh', link.fresh, 'redo', RECHECK})
  note(id, 're-check: did the site change it?')
  hand_out_at(host)
end

local idle = math.min(room, math.max(1, math.floor(window.fetch / 2)) - redis.call('ZCARD', K.leases('fetch')))
if steps == '' then
  redis.call('DEL', K.rechecks)  -- switched off
elseif idle > 0 then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', K.rechecks, '-inf', int(now), 'LIMIT', 0, SWEEP)) do
    local before = room
    if idle == 0 or #links == most then break end
    recheck(id)
    idle = idle - (before - room)
  end
end

-- When is the next thing due? What is due but has no room will be told by whoever makes room.
local wait = -1
local function due(key, floor)
  local first = redis.call('ZRANGEBYSCORE', key, floor, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if first[2] then
    local ms = math.max(0, tonumber(first[2]) - now)
    if wait < 0 or ms < wait then wait = ms end
  end
end
due(K.later, '-inf')
due(K.leases('fetch'), '(' .. int(now))
due(K.leases('article'), '(' .. int(now))
if room > 0 then due(K.lanes, '-inf') end
if idle > 0 and steps ~= '' then due(K.rechecks, '-inf') end
return {links, hopeless, int(wait)}
