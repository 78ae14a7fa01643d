-- Opens a closed link again: a requeue from the dead letter, a refetch. A kept page is used, unless afresh.
-- ARGV: id, afresh? (1/0), note
-- Returns {1, dead job or ''}, {0, ''} when the link is open already, or nil when it is not known.
local id = ARGV[1]
local link = load(id, 'state', 'stage', 'host', 'feed', 'home', 'dead')
if not link.state then return nil end
if link.state ~= 'closed' then return {0, ''} end
link.stage, link.host = 'fetch', link.home or link.host
if ARGV[2] ~= '1' and redis.call('EXISTS', K.page(id)) == 1 then link.stage = 'article' end
link.fresh = int(wall)
redis.call('HDEL', K.link(id), 'dead', 'home')
open(id, link, {'stage', link.stage, 'host', link.host, 'fresh', link.fresh})
note(id, ARGV[3])
return {1, link.dead or ''}
