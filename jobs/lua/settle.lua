-- Ends a link without an event.
-- ARGV: id, attempt, outcome (unchanged | duplicate | skipped | failed), reason ('' for the first two), detail,
--       keep_ms, then
--       for duplicate: the id of the article that it repeats;
--       for unchanged, where the page was read: digests of what it says, its validators ('' for none);
--       for failed: newest dead links to show in RQ, RQ failed registry key, expiry score, and the dead job's id,
--       key, results key, ttl_s, number of hash fields, fields …, result fields …
-- Returns 1, or 0 when the attempt was overtaken.
local id, outcome, reason, detail, keep_ms = ARGV[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local link = place(id)
if not current(id, link, ARGV[2]) then return 0 end
-- Whatever a re-check meets, what was published stands.
if (outcome == 'failed' or outcome == 'skipped') and redis.call('HGET', K.link(id), 'redo') == RECHECK and
   tonumber(redis.call('HGET', K.link(id), 'rev') or 0) > 0 then
  outcome, reason, detail = 'unchanged', '', 're-check: ' .. reason .. ', ' .. detail
end
note(id, outcome .. (reason ~= '' and ': ' .. reason or '') .. ' (' .. detail .. ')')
if ARGV[3] == 'unchanged' and ARGV[7] then
  redis.call('HSET', K.link(id), 'sums', ARGV[7])
  if ARGV[8] == '' then redis.call('HDEL', K.link(id), 'val') else redis.call('HSET', K.link(id), 'val', ARGV[8]) end
end
close(id, link, outcome, reason, detail, keep_ms)
if outcome == 'duplicate' then redis.call('HSET', K.link(id), 'of', ARGV[7]) end
if outcome ~= 'failed' then return 1 end

redis.call('ZADD', K.dead, int(wall), id)
redis.call('ZREMRANGEBYSCORE', K.dead, '-inf', int(wall - tonumber(keep_ms)))  -- their links have expired
local newest, registry, expiry = tonumber(ARGV[7]), ARGV[8], ARGV[9]
local job, key, results, ttl, fields = ARGV[10], ARGV[11], ARGV[12], ARGV[13], tonumber(ARGV[14])
redis.call('HSET', key, unpack(ARGV, 15, 14 + fields))
redis.call('EXPIRE', key, ttl)
redis.call('DEL', results)
redis.call('XADD', results, '*', unpack(ARGV, 15 + fields))
redis.call('EXPIRE', results, ttl)
redis.call('ZADD', registry, expiry, job)
redis.call('HSET', K.link(id), 'dead', job)
-- The dashboard shows the newest ones; the dead letter itself keeps all.
local surplus = redis.call('ZCARD', registry) - newest
if surplus > 0 then
  local prefix = string.sub(key, 1, #key - #job)
  local results_prefix = string.sub(results, 1, #results - #job)
  for _, old in ipairs(redis.call('ZRANGE', registry, 0, surplus - 1)) do
    redis.call('DEL', prefix .. old, results_prefix .. old)
    redis.call('ZREM', registry, old)
  end
end
return 1
