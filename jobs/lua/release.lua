-- A worker that stops hands back what it did not finish; that attempt is not counted.
-- ARGV: id, attempt, note
-- Returns 1, or 0 when the attempt was overtaken.
local id = ARGV[1]
local link = place(id)
if not current(id, link, ARGV[2]) then return 0 end
if link.state ~= 'leased' and link.state ~= 'running' then return 0 end
did(link, 'released')
leave(id, link)
redis.call('HINCRBY', K.link(id), 'tries', -1)
note(id, ARGV[3])
enter_ready(id, link)
return 1
