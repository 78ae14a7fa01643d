-- The page moved to another domain: the link goes to that host's lane, for the sake of politeness there.
-- ARGV: id, attempt, url, host, note
-- Returns 1, or 0 when the attempt was overtaken.
local id = ARGV[1]
local link = place(id)
if not current(id, link, ARGV[2]) then return 0 end
redis.call('HSETNX', K.link(id), 'home', link.host)
did(link, 'moved')
leave(id, link)
link.host, link.stage = ARGV[4], 'fetch'
redis.call('HSET', K.link(id), 'next', ARGV[3], 'host', ARGV[4], 'stage', 'fetch')
redis.call('HINCRBY', K.link(id), 'hops', 1)
redis.call('HINCRBY', K.link(id), 'tries', -1)
note(id, ARGV[5])
enter_ready(id, link)
return 1
