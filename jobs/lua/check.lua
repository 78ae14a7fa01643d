-- Does each of these links stand where its state says, and is what belongs to it there? Mends what is not.
-- ARGV: mend? (1/0), keep_ms, keep_pages_ms, ms after a lease's end before its loss is a fault, oldest stream entry
--       that must be there (ms), up to where the stream was trimmed (ms), RQ's prefix of a job's key, queue and id
--       ("rq:job:palmyra-"), then ids
-- Returns rows of {id, what is wrong (worker/ledger_check.py has the words), detail}.
local mend, keep_ms, keep_pages_ms = ARGV[1] == '1', tonumber(ARGV[2]), ARGV[3]
local grace_ms, oldest_ms, gone_ms, job_prefix = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local rows = {}

-- Notes what is wrong; true when it is to be mended. `said` goes on the link's way then.
local function wrong(id, kind, detail, said)
  rows[#rows + 1] = {id, kind, detail or ''}
  if mend and said then note(id, 'ledger check: ' .. said) end
  return mend
end

local function stands_in(id, link)
  local places = {}
  for _, stage in ipairs({'fetch', 'article'}) do
    if redis.call('ZSCORE', K.leases(stage), id) then places['lease of ' .. stage] = true end
  end
  if redis.call('ZSCORE', K.later, id) then places.later = true end
  if link.feed and link.stage and (link.host or link.stage == 'article') then
    if redis.call('ZSCORE', K.ready(lane_of(link), link.feed), id) then places.ready = true end
  end
  return places
end

local function belongs_in(link)
  if link.state == 'leased' or link.state == 'running' then return 'lease of ' .. (link.stage or '') end
  if link.state == 'ready' or link.state == 'later' then return link.state end
end

local function take_out(id, link)
  for _, stage in ipairs({'fetch', 'article'}) do redis.call('ZREM', K.leases(stage), id) end
  redis.call('ZREM', K.later, id)
  if link.feed and link.stage and (link.host or link.stage == 'article') then
    if redis.call('ZREM', K.ready(lane_of(link), link.feed), id) == 1 then
      redis.call('HINCRBY', K.waiting, link.stage, -1)
      drop_empty_lane(lane_of(link), link.feed)
    end
  end
end

local function to_its_turn(id, link)
  take_out(id, link)
  link.stage, link.feed, link.host = link.stage or 'fetch', link.feed or '', link.host or ''
  redis.call('HSET', K.link(id), 'stage', link.stage, 'feed', link.feed, 'host', link.host)
  enter_ready(id, link)
end

local function list(places)
  local names = {}
  for name in pairs(places) do names[#names + 1] = name end
  table.sort(names)
  return #names > 0 and table.concat(names, ', ') or 'nowhere'
end

local function check_open(id, link, places)
  if not redis.call('ZSCORE', K.open, id) then
    if wrong(id, 'not_in_open', link.state, 'was not counted as open') then
      redis.call('ZADD', K.open, int(wall), id)
    end
  end
  local home = belongs_in(link)
  local there = home and places[home]
  for name in pairs(places) do
    if name ~= home or not there then
      if wrong(id, 'misplaced', link.state .. ', stands: ' .. list(places), 'stood in the wrong place; its turn comes') then
        to_its_turn(id, link)
      end
      return
    end
  end
  if not there then
    if wrong(id, 'nowhere', link.state, link.state .. ' and nowhere to be found; its turn comes') then
      to_its_turn(id, link)
    end
    return
  end
  if link.state == 'leased' or link.state == 'running' then
    local till = tonumber(redis.call('ZSCORE', K.leases(link.stage), id))
    local job = job_prefix .. id .. '-' .. link.stage .. '-' .. link.n
    if till + grace_ms < now and redis.call('EXISTS', job) == 0 then
      if wrong(id, 'lease_over', link.stage, 'its lease was over and its job gone; its turn comes') then
        to_its_turn(id, link)
      end
    end
  end
end

-- The outcome that a link without a record is given, so that the books balance.
local function check_unknown(id, places)
  if redis.call('ZSCORE', K.open, id) then
    if wrong(id, 'no_record', list(places), 'open without a record: given up as lost') then
      redis.call('ZREM', K.open, id)
      tally('failed')
      tally('failed:lost')
      tally_day({}, 'failed', 'lost', keep_ms)
      redis.call('PEXPIRE', K.way(id), int(keep_ms))
    end
  elseif next(places) then
    wrong(id, 'no_record', list(places))
  end
  if mend then take_out(id, {}) end
  if redis.call('EXISTS', K.page(id)) == 1 and wrong(id, 'page_without_link') then redis.call('DEL', K.page(id)) end
end

local function check_dead(id, link)
  local listed = redis.call('ZSCORE', K.dead, id)
  local is_dead = link.state == 'closed' and link.outcome == 'failed'
  if listed and not is_dead and wrong(id, 'not_dead', link.outcome or link.state, 'was in the dead letter') then
    redis.call('ZREM', K.dead, id)
  elseif is_dead and not listed and wrong(id, 'dead_unlisted', link.reason, 'was missing in the dead letter') then
    redis.call('ZADD', K.dead, link.closed or int(wall), id)
  end
end

local function check_closed(id, link, places)
  if redis.call('ZSCORE', K.open, id) and wrong(id, 'closed_in_open', link.outcome, 'was counted as open') then
    redis.call('ZREM', K.open, id)
  end
  if next(places) and wrong(id, 'closed_in_place', list(places), 'had ended, and waited all the same') then
    take_out(id, link)
  end
  local for_good = redis.call('PTTL', K.link(id)) == -1
  if for_good and not link.withdrawn and wrong(id, 'never_expires', '', 'was to be kept for ever') then
    redis.call('PEXPIRE', K.link(id), int(keep_ms))
    redis.call('PEXPIRE', K.way(id), int(keep_ms))
  end
end

-- Its newest event is young enough to be on the stream, and is not there: the article goes out as a new revision.
local function check_event(id, link)
  if not link.entry or link.withdrawn then return end
  local made = tonumber(string.match(link.entry, '^%d+') or 0)
  if made < oldest_ms or made <= gone_ms or #redis.call('XRANGE', K.stream, link.entry, link.entry) > 0 then return end
  if not wrong(id, 'event_missing', link.entry, 'its event is gone from the stream: published again') then return end
  redis.call('HDEL', K.link(id), 'entry', 'sums', 'val')
  if link.state ~= 'closed' then return end  -- it is on its way, and will be published whatever it says
  link.stage = redis.call('EXISTS', K.page(id)) == 1 and 'article' or 'fetch'
  link.host, link.fresh = link.home or link.host, int(wall)
  redis.call('HDEL', K.link(id), 'home')
  open(id, link, {'stage', link.stage, 'host', link.host, 'fresh', link.fresh})
end

local function check_page(id, link)
  local ttl = redis.call('PTTL', K.page(id))
  if ttl == -2 then return end
  if link.withdrawn and wrong(id, 'page_withdrawn', '', 'its page was still kept') then
    redis.call('DEL', K.page(id))
  elseif ttl == -1 and wrong(id, 'never_expires', 'page', 'its page was to be kept for ever') then
    redis.call('PEXPIRE', K.page(id), keep_pages_ms)
  end
end

local FIELDS = {'state', 'stage', 'host', 'feed', 'fresh', 'n', 'home', 'outcome', 'reason', 'closed', 'entry', 'withdrawn'}
for i = 8, #ARGV do
  local id = ARGV[i]
  local link = load(id, unpack(FIELDS))
  local places = stands_in(id, link)
  if not link.state and redis.call('EXISTS', K.link(id)) == 0 then
    check_unknown(id, places)
  else
    link.state = link.state or 'unknown'
    if link.state == 'closed' then check_closed(id, link, places) else check_open(id, link, places) end
    check_dead(id, link)
    check_page(id, link)
    check_event(id, link)
  end
end
return rows
