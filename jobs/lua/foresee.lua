-- What discover.lua would make of a feed's entries, if it were run now. Writes nothing.
-- ARGV: feed, then per entry: id, fingerprint, take a new link? (1/0)
-- Returns per entry: new, left, left before, changed (since this feed's last poll) or known.
local result = {}
for i = 2, #ARGV, 3 do
  local id, print, take = unpack(ARGV, i, i + 2)
  local before = redis.call('HGET', K.listed(ARGV[1]), id)
  local left = before and string.sub(before, 1, 1) == '~'
  local what = 'new'
  if recall(id) then
    what = before and not left and before ~= print and 'changed' or 'known'
  elseif left then
    what = 'left before'
  elseif take == '0' then
    what = 'left'
  end
  result[#result + 1] = what
end
return result
