-- This attempt brought nothing, a later one may: puts the link off.
-- ARGV: id, attempt, delay_ms, block the whole host for that time? (1/0), note, what to count (did)
-- Returns 1, or 0 when the attempt was overtaken.
local id, due = ARGV[1], now + tonumber(ARGV[3])
local link = place(id)
if not current(id, link, ARGV[2]) then return 0 end
if ARGV[4] == '1' then pause(link.host, due) end
did(link, 'later', 6)
leave(id, link)
note(id, ARGV[5])
enter_later(id, due)
return 1
