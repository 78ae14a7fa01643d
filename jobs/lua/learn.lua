-- Replaces what is remembered of a site, unless another article changed it since it was read.
-- KEYS: the site's memory. ARGV: how the memory that was read begins ('' for none), the new one, ms to keep it
-- Returns 1 when it is replaced. Sent twice, the second time finds another beginning.
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return 0 end
if ARGV[1] == '' and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
