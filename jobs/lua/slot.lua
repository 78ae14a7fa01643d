-- Reserves the next moment at which a host may be asked, for a poll or a single request.
-- ARGV: host, delay_ms, block_ms (0: reserve one request; else: nobody asks the host for that long), and the
--       longest wait in ms for which a reservation is worth while
-- Returns ms to wait before asking; nothing was reserved when it is longer than that.
local host, block = ARGV[1], tonumber(ARGV[3])
if block > 0 then
  reserve(host, now + block)
  return block
end
local start = math.max(now, slot(host))
if start - now <= tonumber(ARGV[4]) then
  reserve(host, start + delay(host, tonumber(ARGV[2])))
end
return int(start - now)
