-- A feed was polled and is unchanged: what it lists is still listed, so it must not expire from memory.
-- ARGV: feed, keep_ms
for _, id in ipairs(redis.call('HKEYS', K.listed(ARGV[1]))) do
  local owner = redis.call('GET', K.alias(id))
  if owner then redis.call('PEXPIRE', K.alias(id), ARGV[2]) end
  for _, known in ipairs({id, owner or nil}) do
    if redis.call('PTTL', K.link(known)) > 0 then
      redis.call('PEXPIRE', K.link(known), ARGV[2])
      redis.call('PEXPIRE', K.way(known), ARGV[2])
    end
  end
end
