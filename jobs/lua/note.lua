-- Says something on a link's way, if it has a record.
-- ARGV: id, text
if redis.call('EXISTS', K.link(ARGV[1])) == 1 then note(ARGV[1], ARGV[2]) end
