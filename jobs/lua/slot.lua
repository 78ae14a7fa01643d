-- Reserves the next moment at which a host may be asked, for a poll or a single request.
-- ARGV: host, delay_ms, block_ms (0: reserve one request; else: nobody asks the host for that long), and the
--       longest wait in ms that the caller can stay for
-- Returns ms to wait: 0 means go. After a wait, ask.lua says whether the moment has come. When the wait is too
-- long, the caller comes again then: the moment is kept for the first who does, so that a host with a long delay
-- and many pages waiting still has its feeds polled.
local host, block, longest = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
if block > 0 then
  pause(host, now + block)
  return block
end
local _, till = asked(host)
local busy = till or now
local kept = tonumber(redis.call('GET', K.kept(host)) or nil)
local start = math.max(kept or slot(host), busy)
if start - now > longest then
  if not kept then
    local free_again = start + delay(host, tonumber(ARGV[2]))
    reserve(host, free_again)
    redis.call('SET', K.kept(host), int(start), 'PX', int(free_again - now + 1))
  end
  return int(start - now)
end
if kept then redis.call('DEL', K.kept(host)) end
local ms = delay(host, tonumber(ARGV[2]))
reserve(host, start + ms)
if start <= now then note_asked(host, 'poll', now + ms) end
return int(start - now)
