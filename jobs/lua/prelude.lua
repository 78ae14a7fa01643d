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

local PLACE = {'state', 'stage', 'host', 'feed', 'fresh', 'n', 'over'}
local function place(id) return load(id, unpack(PLACE)) end

local function note(id, text, at)
  redis.call('RPUSH', K.way(id), int(at or wall) .. ' ' .. text)
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
  -- One that never expires leads to a withdrawn article.
  if redis.call('PTTL', K.alias(id)) > 0 then redis.call('PEXPIRE', K.alias(id), keep_ms) end
  local _, newest = recall(owner)
  keep(owner, newest or 0, keep_ms)
end

-- For the metrics: jobs/counts.py names the fields and reads them.
local function count(field, by) redis.call('HINCRBY', K.counts, field, by or 1) end
-- What the caller counts with its outcome: field, number, field, number … from an argument on.
local function count_from(first)
  for i = first, #ARGV, 2 do count(ARGV[i], ARGV[i + 1]) end
end
-- An attempt ended, for the first time: a script that was sent twice counts once.
local function did(link, outcome, first)
  if not link.stage or (link.state ~= 'leased' and link.state ~= 'running') then return end
  count('did ' .. link.stage .. ' ' .. outcome)
  if first then count_from(first) end
end

local function tally(name, by) redis.call('HINCRBY', K.totals, name, by or 1) end

-- The same by day (UTC), and by the feed and the host that a link stands at: what `palmyra ledger --days` shows.
-- jobs/days.py reads it.
local COLUMN = {discovered = 1, published = 2, duplicate = 3, unchanged = 4, skipped = 5, failed = 6}
local MOST_NAMES, OTHERS = 5000, '*'  -- feeds, and hosts, that a day tells apart

local function tally_name(key, kind, name, column)
  local field = kind .. ' ' .. name
  local counts = redis.call('HGET', key, field)
  if not counts then
    local names = tonumber(redis.call('HGET', key, '#' .. kind) or 0)
    if names >= MOST_NAMES then
      field = kind .. ' ' .. OTHERS
      counts = redis.call('HGET', key, field)
    else
      redis.call('HSET', key, '#' .. kind, names + 1)
    end
  end
  local row, place = {0, 0, 0, 0, 0, 0}, 0
  for count in string.gmatch(counts or '', '%d+') do
    place = place + 1
    row[place] = tonumber(count)
  end
  row[column] = row[column] + 1
  redis.call('HSET', key, field, table.concat(row, ' '))
end

local function tally_day(link, outcome, reason, keep_ms)
  local key = K.day(int(today))
  redis.call('HINCRBY', key, 't ' .. outcome, 1)
  if reason ~= '' then redis.call('HINCRBY', key, 'r ' .. outcome .. ':' .. reason, 1) end
  if (link.feed or '') ~= '' then tally_name(key, 'f', link.feed, COLUMN[outcome]) end
  if (link.host or '') ~= '' then tally_name(key, 'h', link.host, COLUMN[outcome]) end
  if keep_ms then
    redis.call('PEXPIRE', key, int(tonumber(keep_ms) + DAY_MS))
  elseif redis.call('PTTL', key) < 0 then
    redis.call('PEXPIRE', key, 90 * DAY_MS)  -- until the first link that ends on this day says how long
  end
end

local function wake()
  if redis.call('LLEN', K.wake) == 0 then redis.call('LPUSH', K.wake, '1') end
end

-- Was the article behind this link, or behind the one that it leads to, taken down? Such a record never expires.
local function withdrawn(id)
  if redis.call('HEXISTS', K.link(id), 'withdrawn') == 1 then return true end
  local owner = redis.call('GET', K.alias(id))
  return owner and redis.call('HEXISTS', K.link(owner), 'withdrawn') == 1
end

-- Takes an entry out of the stream that nobody is to miss: no gap, when it was the oldest one (worker/stream.py).
local function drop_entry(entry)
  local dropped = redis.call('XDEL', K.stream, entry)
  if dropped == 1 and redis.call('HGET', K.edge, 'first') == entry then
    local first = redis.call('XRANGE', K.stream, '-', '+', 'COUNT', 1)[1]
    if first then redis.call('HSET', K.edge, 'first', first[1]) else redis.call('HDEL', K.edge, 'first') end
  end
  return dropped
end

local function lane_of(link)
  if link.stage == 'article' then return ARTICLES end
  return link.host
end

-- The longest Crawl-delay that an origin of this host asks for, in ms.
local function crawl_delay(host)
  local longest, stored = 0, redis.call('HVALS', K.crawl(host))
  for _, value in ipairs(stored) do
    local ms, till = string.match(value, '^(%d+) (%d+)$')
    if tonumber(till) > wall then longest = math.max(longest, tonumber(ms)) end
  end
  return longest
end

-- Milliseconds between two requests to a host: its own, where the operator set one, or the general one, or what
-- its robots.txt asks for if that is more; and whether it is that.
local function delay(host, general)
  local own = redis.call('GET', K.delay(host))
  if own then return tonumber(own), false end
  local crawl = crawl_delay(host)
  return math.max(general, crawl), crawl > general
end

local function slot(host) return tonumber(redis.call('GET', K.slot(host)) or 0) end

-- Moves a host's next free moment to `free`, if that is later. Slots are reserved in time: nothing to give back.
local function reserve(host, free)
  if free <= now or free <= slot(host) then return end
  redis.call('SET', K.slot(host), int(free), 'PX', int(free - now))
  if redis.call('ZSCORE', K.lanes, host) then redis.call('ZADD', K.lanes, int(free), host) end
end

local PAUSE = 'pause'

-- Who asked a host last (or PAUSE) and until when that holds, or nil. The time is the ledger's: an expiry follows the
-- server's clock, and when that is set back by an hour, a pause of a second would last for an hour.
local function asked(host)
  local value = redis.call('GET', K.asked(host))
  local till, who = string.match(value or '', '^(%d+) (.*)$')
  if till and tonumber(till) > now then return who, tonumber(till) end
end

local function note_asked(host, who, till)
  if till - now >= 1 then redis.call('SET', K.asked(host), int(till) .. ' ' .. who, 'PX', int(till - now)) end
end

-- The host asked to be left alone until then: no request, not even one that has its slot already.
local function pause(host, until_ms)
  count('throttle pause')
  reserve(host, until_ms)
  local who, till = asked(host)
  if who ~= PAUSE or till < until_ms then note_asked(host, PAUSE, until_ms) end
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

-- May the job of this attempt still decide about the link? Not when it is closed or another attempt was leased, nor
-- when it was opened again since (`over`: the last attempt of the opening before).
local function current(id, link, attempt)
  if not link.state or link.state == 'closed' then return false end
  return tonumber(link.n) == tonumber(attempt) and tonumber(attempt) > tonumber(link.over or 0)
end

-- When the site of an article is asked again whether it changed, or nil when it was for the last time: so long after
-- its publication (`steps`: ms, ascending), or up to a tenth later, so that what came together is not asked for together.
local RECHECK, SPREAD = 'recheck', 0.1

local function spread(id) return (string.byte(id, -1) * 32 + string.byte(id, -2)) % 97 / 97 end

local function next_recheck(id, published, steps)
  for ms in string.gmatch(steps, '%d+') do
    local due = published + math.floor(tonumber(ms) * (1 + SPREAD * spread(id)))
    if due > now then return due end
  end
end

local WORKING = {'next', 'hops', 'tries', 'deaths', 'kills', 'job', 'fresh', 'opened', 'redo'}

local function close(id, link, outcome, reason, detail, keep_ms)
  did(link, outcome)
  leave(id, link)
  redis.call('ZREM', K.open, id)
  if redis.call('HGET', K.link(id), 'redo') == RECHECK then
    tally('rechecks')
    if outcome == 'published' then tally('rechecks_published') end
    redis.call('HINCRBY', K.day(int(today)), 't rechecks', 1)
  end
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
  tally_day(link, outcome, reason, keep_ms)
end

-- The failed job that stood for a dead link goes with its death.
local function drop_dead_job(id)
  local job = redis.call('HGET', K.link(id), 'dead')
  if not job then return end
  redis.call('DEL', K.rq_job(job), K.rq_results(job))
  redis.call('ZREM', K.rq_failed, job)
  redis.call('HDEL', K.link(id), 'dead')
end

local function open(id, link, fields)
  drop_dead_job(id)
  redis.call('HSET', K.link(id), 'opened', int(wall), 'tries', 0, 'deaths', 0, 'kills', 0, unpack(fields))
  redis.call('HDEL', K.link(id), 'outcome', 'reason', 'detail', 'closed')
  local attempts = redis.call('HGET', K.link(id), 'n')
  if attempts and attempts ~= '0' then redis.call('HSET', K.link(id), 'over', attempts) end
  redis.call('PERSIST', K.link(id))
  redis.call('PERSIST', K.way(id))
  redis.call('ZADD', K.open, int(wall), id)
  redis.call('ZREM', K.dead, id)
  tally('discovered')
  tally_day(link, 'discovered', '')
  enter_ready(id, link)
end
