-- A pool saw the process die that ran this attempt: by its own hand (killed) or for a reason it does not know.
-- ARGV: id, attempt, cause (kills | deaths), how many of them are enough, note
-- Returns 'again', 'enough' (the caller gives up) or 'overtaken'.
local id, cause = ARGV[1], ARGV[3]
local link = place(id)
if not current(id, link, ARGV[2]) or link.state ~= 'running' then return 'overtaken' end
note(id, ARGV[5])
if redis.call('HINCRBY', K.link(id), cause, 1) >= tonumber(ARGV[4]) then return 'enough' end
did(link, cause == 'kills' and 'killed' or 'died')
leave(id, link)
enter_ready(id, link)
return 'again'
