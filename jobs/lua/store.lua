-- The fetch job has the page: keep it, and let the article stage have the link, in one step.
-- ARGV: id, attempt, page, keep_pages_ms, final url, note, what to count (did)
-- The feed's evidence is kept with the page (jobs/page.py), so the link needs it no longer.
-- Returns 1, or 0 when the attempt was overtaken.
local id = ARGV[1]
local link = place(id)
if not current(id, link, ARGV[2]) then return 0 end
redis.call('SET', K.page(id), ARGV[3], 'PX', ARGV[4])
did(link, 'stored', 7)
leave(id, link)
link.stage = 'article'
-- Validators are of one URL.
if redis.call('HGET', K.link(id), 'final') ~= ARGV[5] then redis.call('HDEL', K.link(id), 'val') end
redis.call('HSET', K.link(id), 'stage', 'article', 'tries', 0, 'final', ARGV[5])
redis.call('HDEL', K.link(id), 'ev', 'missing')
note(id, ARGV[6])
enter_ready(id, link)
return 1
