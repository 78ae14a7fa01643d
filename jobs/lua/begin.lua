-- A job starts: is its attempt the current one? Marks it running and renews the lease.
-- ARGV: id, stage, attempt, lease_ms, who (worker name)
-- Returns what the job needs, or nil when the attempt was overtaken or the link is closed.
local id, stage, attempt = ARGV[1], ARGV[2], ARGV[3]
local link = place(id)
if not current(id, link, attempt) or link.stage ~= stage then return nil end
if link.state ~= 'leased' and link.state ~= 'running' then return nil end
-- Its start tells when it was handed out, too; where it waited in RQ for longer than this, a line of its own does.
local WORTH_A_LINE_MS = 1000
local till = tonumber(redis.call('ZSCORE', K.leases(stage), id) or nil)
local waited = till and link.state == 'leased' and now - (till - tonumber(ARGV[4])) or 0
if waited >= WORTH_A_LINE_MS then note(id, stage .. ' attempt ' .. attempt .. ' was handed out', wall - waited) end
redis.call('HSET', K.link(id), 'state', 'running')
redis.call('ZADD', K.leases(stage), int(now + tonumber(ARGV[4])), id)
note(id, stage .. ' attempt ' .. attempt .. ' began on ' .. ARGV[5])
return redis.call('HMGET', K.link(id), 'url', 'next', 'host', 'feeds', 'seen', 'ev', 'tries', 'rev', 'hops', 'final', 'sums', 'val', 'redo')
