-- Are the counters what they count? Mends them if not.
-- ARGV: mend? (1/0)
-- Returns rows of {'', what is wrong, detail}.
local mend, rows = ARGV[1] == '1', {}

local function ready_in(lane)
  local count = 0
  for _, feed in ipairs(redis.call('ZRANGE', K.lane(lane), 0, -1)) do
    count = count + redis.call('ZCARD', K.ready(lane, feed))
  end
  return count
end

local ready = {fetch = 0, article = ready_in(ARTICLES)}
for _, lane in ipairs(redis.call('ZRANGE', K.lanes, 0, -1)) do ready.fetch = ready.fetch + ready_in(lane) end
for _, stage in ipairs({'fetch', 'article'}) do
  local counted = tonumber(redis.call('HGET', K.waiting, stage) or 0)
  if counted ~= ready[stage] then
    rows[#rows + 1] = {'', 'miscounted', stage .. ' ready: counted ' .. int(counted) .. ', there are ' .. ready[stage]}
    if mend then redis.call('HSET', K.waiting, stage, ready[stage]) end
  end
end

local ended = 0
for _, outcome in ipairs({'published', 'duplicate', 'unchanged', 'skipped', 'failed'}) do
  ended = ended + tonumber(redis.call('HGET', K.totals, outcome) or 0)
end
local balance = tonumber(redis.call('HGET', K.totals, 'discovered') or 0) - ended - redis.call('ZCARD', K.open)
if balance ~= 0 then
  rows[#rows + 1] = {'', 'out_of_balance', int(balance)}
  if mend then
    tally('discovered', int(-balance))
    tally('corrected', int(-balance))
  end
end
return rows
