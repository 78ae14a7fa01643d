-- The article job is done: publish the event and close the link, once.
-- ARGV: id, attempt, revision, event id, event type, event, id of the final URL, keep_ms, digests of what the
--       article says, validators of the page ('' for none), what follows “published …” on the link's way, publish it
--       though it says the same? (1/0), the article that it repeats ('' for none), what to remember of it there, when its site
--       is to be asked whether it changed (ms after its publication, ascending, between blanks; '' for never),
--       what to count where it is published (count_from)
-- Returns 'published', 'duplicate <id>' (another link was published from the same final URL), 'unchanged'
-- (this revision is on the stream already, or says what the newest one says) or 'overtaken'.
local id, revision, final, keep_ms = ARGV[1], tonumber(ARGV[3]), ARGV[7], ARGV[8]
local link = load(id, 'state', 'stage', 'host', 'feed', 'fresh', 'n', 'over', 'rev', 'sums', 'entry')
if not current(id, link, ARGV[2]) then return 'overtaken' end
-- The site will be asked whether the page that brought the newest revision changed.
local function keep_validators()
  if ARGV[10] == '' then
    redis.call('HDEL', K.link(id), 'val')
  else
    redis.call('HSET', K.link(id), 'val', ARGV[10])
  end
end

if tonumber(link.rev or 0) >= revision or link.sums == ARGV[9] and ARGV[12] ~= '1' then
  keep_validators()
  note(id, 'unchanged: the article says what revision ' .. (link.rev or revision) .. ' says')
  close(id, link, 'unchanged', '', '', keep_ms)
  return 'unchanged'
end

-- A URL belongs to the first link that was published from it, be it that link's own or where it led.
local owner = redis.call('GET', K.alias(final))
local _, own = recall(final)
if not owner and final ~= id and ((own or 0) > 0 or withdrawn(final)) then owner = final end
if owner and owner ~= id then
  note(id, 'leads to the same page as ' .. owner)
  close(id, link, 'duplicate', '', '', keep_ms)
  redis.call('HSET', K.link(id), 'of', owner)
  if withdrawn(owner) then redis.call('DEL', K.page(id)) end
  return 'duplicate ' .. owner
end
if final ~= id then
  redis.call('SET', K.alias(final), id, 'PX', keep_ms)
  if not own then keep(final, 0, keep_ms) end
end
keep(id, revision, keep_ms)

local entry = redis.call('XADD', K.stream, '*', 'id', ARGV[4], 'type', ARGV[5], 'event', ARGV[6])
redis.call('PUBLISH', K.stream, ARGV[6])
redis.call('HSET', K.link(id), 'rev', int(revision), 'entry', entry, 'sums', ARGV[9])
redis.call('HDEL', K.link(id), 'of', 'gone')
if link.entry then redis.call('HSET', K.link(id), 'was', link.entry) end  -- what it said before
keep_validators()
local due = revision == 1 and next_recheck(id, now, ARGV[15])
if due then
  redis.call('HSET', K.link(id), 'pub', int(now))
  redis.call('ZADD', K.rechecks, int(due), id)
end
if ARGV[13] ~= '' then
  local copies, most = K.copied(ARGV[13]), 200
  if redis.call('HLEN', copies) < most or redis.call('HEXISTS', copies, id) == 1 then
    redis.call('HSET', copies, id, ARGV[14])
    redis.call('PEXPIRE', copies, keep_ms)
  end
end
note(id, 'published ' .. ARGV[4] .. ARGV[11])
count_from(16)
close(id, link, 'published', '', '', keep_ms)
return 'published'
