-- A request is about to be sent: may it? Slots are given ahead of time; this is asked at the last moment, so that
-- neither a pause that the host asked for meanwhile nor two requests that came too close together get through.
-- ARGV: host, who (a token of the caller's), delay_ms, rides (1: a redirect inside the host's domain, which only a
--       pause stops)
-- Returns 0 (go; it is noted), or the ms to wait.
local host, who = ARGV[1], ARGV[2]
local holder, till = asked(host)
if holder and holder ~= who and (holder == PAUSE or ARGV[4] ~= '1') then
  reserve(host, till)
  count('throttle held')
  return int(till - now)
end
local ms, crawled = delay(host, tonumber(ARGV[3]))
if crawled then count('throttle crawl_delay') end
if ms >= 1 then
  note_asked(host, who, now + ms)
  reserve(host, now + ms)
end
return 0
