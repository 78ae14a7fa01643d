-- Is one set of ready links what it should be: every member ready, and of this lane and feed; the lane in its turn?
-- Mends what is not.
-- ARGV: mend? (1/0), lane, feed, where to go on (a rank), members to look at
-- Returns {where to go on, or -1 at the end, rows of {id, what is wrong, detail}}.
local mend, lane, feed, start, most = ARGV[1] == '1', ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local rows, strays = {}, 0
local ids = redis.call('ZRANGE', K.ready(lane, feed), start, start + most - 1)
for _, id in ipairs(ids) do
  local link = place(id)
  if link.state ~= 'ready' or lane_of(link) ~= lane or link.feed ~= feed then
    rows[#rows + 1] = {id, 'misplaced', (link.state or 'no record') .. ', stands: ready at ' .. lane}
    if mend then
      redis.call('ZREM', K.ready(lane, feed), id)
      strays = strays + 1
      if link.state then note(id, 'ledger check: stood in the wrong place, too') end
    end
  end
end
if redis.call('EXISTS', K.ready(lane, feed)) == 1 then
  local in_turn = redis.call('ZSCORE', K.lane(lane), feed)
  if lane ~= ARTICLES then in_turn = in_turn and redis.call('ZSCORE', K.lanes, lane) end
  if not in_turn then
    rows[#rows + 1] = {'', 'no_turn', lane .. ' ' .. feed}
    if mend then
      redis.call('ZADD', K.lane(lane), 'NX', redis.call('INCR', K.turn), feed)
      if lane ~= ARTICLES then redis.call('ZADD', K.lanes, 'NX', int(now), lane) end
      wake()
    end
  end
else
  drop_empty_lane(lane, feed)
end
if #ids < most then return {-1, rows} end
return {start + most - strays, rows}
