-- An article was taken down: what its story says of it goes. The story's events are the caller's to drop (purge.lua).
-- ARGV: id of the article
-- Returns the stories whose events tell of it: the one it is in, and those that were merged into that.
local id = ARGV[1]
local noted = redis.call('HGET', K.link(id), 'story')
if not noted then return {} end
local story = string.match(noted, '^%S+')
local told = {story}
for _ = 1, 10 do
  local into = redis.call('HGET', K.story(story), 'into')
  if not into then break end
  story = into
  told[#told + 1] = story
end
redis.call('HDEL', K.link(id), 'story')
local facts = redis.call('HMGET', K.story(story), 'n', 'first', 'newest', 'articles', 'merged')
for other in string.gmatch(facts[5] or '', '%S+') do told[#told + 1] = other end
if not facts[1] then return told end
if tonumber(facts[1]) <= 1 then
  redis.call('DEL', K.story(story), K.gist(string.sub(story, 1, 8)))
  redis.call('ZREM', K.newest_stories, story)
  return told
end
for place, name in ipairs({'first', 'newest'}) do
  local item = facts[place + 1]
  if string.find(item, '{"id":"' .. id .. '"', 1, true) == 1 then
    redis.call('HSET', K.story(story), name, '{"id":"' .. id .. '","headline":null,"url":null,"source":null,"language":null,' ..
               '"first_seen":"' .. string.match(item, '"first_seen":"([^"]+)"}$') .. '"}')
  end
end
local left = {}
for other in string.gmatch(facts[4], '%S+') do
  if other ~= id then left[#left + 1] = other end
end
redis.call('HSET', K.story(story), 'n', int(tonumber(facts[1]) - 1), 'articles', table.concat(left, ' '))
redis.call('HDEL', K.story(story), 'about')
return told
