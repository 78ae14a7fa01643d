-- Drops the revisions of an article from the stream, some entries at a time; its withdrawal stays.
-- ARGV: id, where to go on (an entry id, '-' at first), entries to look at, type of a withdrawal
-- Returns {where to go on, or '' at the end, how many were dropped}.
local entries = redis.call('XRANGE', K.stream, ARGV[2], '+', 'COUNT', ARGV[3])
local prefix, dropped, last = ARGV[1] .. ':', 0, nil
for _, entry in ipairs(entries) do
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  if string.sub(fields.id or '', 1, #prefix) == prefix and fields.type ~= ARGV[4] then
    dropped = dropped + drop_entry(entry[1])
  end
  last = entry[1]
end
if not last or #entries < tonumber(ARGV[3]) then return {'', dropped} end
return {'(' .. last, dropped}
