-- Which story an article belongs to: finds it by what it shares with open stories, or opens one; joins, and merges
-- stories that turn out to be one. jobs/stories says what the features are, docs/stories.md how it decides.
-- ARGV: id, id of the final URL, the article that it repeats ('' for none), when it was published (ms), ms without news
--       after which a story closes, ms to keep what is known of one, language ('?' for those that we know no words of),
--       words, names, the article in short (JSON), its source's domain, time of an event (RFC 3339), `source` of
--       events, the language's code ('' for none), then for each thing that it names: feature, JSON of it
-- Returns {story, articles in it}, or {} for an article that belongs to none.
local id, final, original, at = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local window, keep_ms, language = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local item, domain, time, source = ARGV[10], ARGV[11], ARGV[12], ARGV[13]
local code, FIRST_LABEL = ARGV[14], 15

local SAME, CROSS = 0.33, 0.30  -- what is alike enough: docs/stories.md has how these were found
local FITS_BOTH, ONE = 1.15, 0.85  -- and to merge two stories: how well the article fits the other, how alike they are
local LEAST_TEXT = 0.15  -- words of one language that must be alike, whatever the names say
local TEXT = 0.65  -- what words count beside names, where a story has both
local LATER = 0.8  -- how much more alike is asked of what comes at the end of the window
local RARE, LEAST_SHARED = 2.5, 2  -- names that two languages must share, and how rare these must be
local MOST_TERMS, MOST_NAMES = 32, 18  -- of an article
local MOST_OF_STORY, HEAVY = 48, 8  -- features of a story; articles that one more is weighed against
local SHARDS, MOST_REFS, CANDIDATES = 4096, 8, 12
local PRIOR, MOST_DOCS = 200, 32768
local MOST_ARTICLES, MOST_SOURCES, MOST_LABELS, MOST_MERGED, MOST_LISTED = 50, 30, 12, 20, 500
local REF, RARITY_DAYS = 8, 30

local function ref_of(story) return string.sub(story, 1, REF) end

local function resolved(story)
  for _ = 1, 10 do
    local into = redis.call('HGET', K.story(story), 'into')
    if not into then return story end
    story = into
  end
  return story
end

-- A job that runs again, or a revision: the article stays where it is.
local noted = redis.call('HGET', K.link(id), 'story')
if noted then
  local before, size = string.match(noted, '^(%S+) (%d+)$')
  before = resolved(before)
  return {before, tonumber(redis.call('HGET', K.story(before), 'n') or size)}
end
-- Its page was published from another link: commit.lua will say so.
local owner = redis.call('GET', K.alias(final))
if owner and owner ~= id then return {} end
if not owner and final ~= id and ((select(2, recall(final)) or 0) > 0 or withdrawn(final)) then return {} end

-- How rare each word is: 16-bit counters by language, of which several words may share one. The last counts articles.
local DOCS = 65536

-- What is sent (features with a byte of weight) as a vector of length 1: {feature, weight, how rare}, heaviest first.
local function weighed(packed, key, most)
  local args, vector = {key, 'OVERFLOW', 'SAT', 'INCRBY', 'u16', '#' .. DOCS, 1}, {}
  for place = 1, #packed, FEATURE + 1 do
    local feature = string.sub(packed, place, place + FEATURE - 1)
    vector[#vector + 1] = {feature, string.byte(packed, place + FEATURE) / 16}
    local counter = string.byte(feature, 5) * 256 + string.byte(feature, 6)
    for _, arg in ipairs({'INCRBY', 'u16', '#' .. counter, 1}) do args[#args + 1] = arg end
  end
  if #vector == 0 then return vector, {} end
  local counts, rarity = redis.call('BITFIELD', unpack(args)), {}
  for place, one in ipairs(vector) do
    local rare = math.max(0, math.log((counts[1] + PRIOR) / counts[place + 1]))
    one[2], rarity[one[1]] = one[2] * rare, rare
  end
  if counts[1] >= MOST_DOCS then halve(key) end
  redis.call('PEXPIRE', key, RARITY_DAYS * DAY_MS)
  return best(vector, most), rarity
end

-- Cosine of two vectors, and how many of what they share is rare.
local function alike(weights, packed, rarity)
  local sum, shared = 0, 0
  for feature, weight in each(packed or '') do
    local own = weights[feature]
    if own then
      sum = sum + own * weight
      if rarity and (rarity[feature] or 0) >= RARE then shared = shared + 1 end
    end
  end
  return sum, shared
end

local terms = weighed(ARGV[8], K.rarity(language), MOST_TERMS)
local names, rarity = weighed(ARGV[9], K.rarity('names'), MOST_NAMES)
local my_terms, my_names = weights_of(terms), weights_of(names)
local VECTOR = 'v ' .. language

-- Who has had these features, by day: a shard of packed hashes, feature -> the newest stories with it.
local day = math.floor(at / DAY_MS)
local days = math.ceil(window / DAY_MS)
local had = {}

local function shard_of(feature, of_day)
  local high, low = string.byte(feature, 1, 2)
  return K.posts(int(of_day) .. ':' .. int((high * 256 + low) % SHARDS)), string.sub(feature, 2)
end

local function found_by(vector, pull, hits)
  for _, one in ipairs(vector) do
    for of_day = day - days, math.min(day + days, today) do
      local key, field = shard_of(one[1], of_day)
      local refs = redis.call('HGET', key, field)
      if of_day == day then had[one[1]] = refs or '' end
      for place = 1, #(refs or ''), REF do
        local ref = string.sub(refs, place, place + REF - 1)
        hits[ref] = (hits[ref] or 0) + pull * one[2] * one[2]
      end
    end
  end
end

local function gist_of(ref)
  for _ = 1, 10 do
    local values = redis.call('HMGET', K.gist(ref), 'id', 'into', 'opened', 'updated', 'names', VECTOR)
    if not values[2] then
      if not values[1] then return nil end
      return {id = values[1], opened = tonumber(values[3]), updated = tonumber(values[4]), names = values[5],
              terms = values[6]}
    end
    ref = values[2]
  end
end

-- How well the article fits a story: 1 is enough.
local function fit(gist)
  local gap = math.max(0, at - gist.updated, gist.opened - at)
  if gap > window then return 0 end
  local same, other = 0, 0
  local by_names, shared = alike(my_names, gist.names, rarity)
  if gist.terms then
    local text = alike(my_terms, gist.terms)
    if text >= LEAST_TEXT then same = (TEXT * text + (1 - TEXT) * by_names) / SAME end
  elseif shared >= LEAST_SHARED then
    other = by_names / CROSS
  end
  return math.max(same, other) / (1 + LATER * gap / window)
end

local function candidates()
  local hits, refs, found, seen = {}, {}, {}, {}
  found_by(terms, 1, hits)
  found_by(names, 1, hits)
  for ref in pairs(hits) do refs[#refs + 1] = ref end
  table.sort(refs, function(a, b)
    if hits[a] ~= hits[b] then return hits[a] > hits[b] end
    return a < b
  end)
  for place = 1, math.min(#refs, CANDIDATES) do
    local gist = gist_of(refs[place])
    if gist and not seen[gist.id] then
      seen[gist.id] = true
      gist.fit = fit(gist)
      if gist.fit >= 1 then found[#found + 1] = gist end
    end
  end
  table.sort(found, function(a, b)
    if a.fit ~= b.fit then return a.fit > b.fit end
    return a.id < b.id
  end)
  return found
end

local function post(vector, story)
  local ref = ref_of(story)
  for _, one in ipairs(vector) do
    local key, field = shard_of(one[1], day)
    local before, refs = had[one[1]] or redis.call('HGET', key, field) or '', ref
    for place = 1, #before, REF do
      local other = string.sub(before, place, place + REF - 1)
      if other ~= ref and #refs < MOST_REFS * REF then refs = refs .. other end
    end
    redis.call('HSET', key, field, refs)
    if before == '' and redis.call('HLEN', key) == 1 then redis.call('PEXPIRE', key, int(window + 2 * DAY_MS)) end
  end
end

local function learn_from_article(story)
  local key = K.gist(ref_of(story))
  local gist = fields_of(key)
  local parts = {{'names', my_names}}
  if #terms > 0 then parts[2] = {VECTOR, my_terms} end
  for _, part in ipairs(parts) do
    local count = tonumber(gist['n ' .. part[1]] or 0)
    local sum = together(gist[part[1]], math.min(count, HEAVY), part[2], 1, MOST_OF_STORY)
    redis.call('HSET', key, part[1], sum, 'n ' .. part[1], count + 1)
  end
  redis.call('HSET', key, 'id', story, 'opened', int(math.min(at, tonumber(gist.opened or at))), 'updated',
             int(math.max(at, tonumber(gist.updated or at))))
  redis.call('PEXPIRE', key, window)
  post(terms, story)
  post(names, story)
end

-- Lines of what a story's articles name: how many do, feature, JSON.
local function more_labels(lines, add)
  local counts, kept, order = {}, {}, {}
  local function take(count, feature, label)
    if not counts[feature] then
      order[#order + 1] = feature
      kept[feature] = label
    end
    counts[feature] = (counts[feature] or 0) + count
  end
  for count, feature, label in string.gmatch(lines, '(%d+) (%x+) ([^\n]+)\n') do
    take(tonumber(count), feature, label)
  end
  add(take)
  local place = {}
  for rank, feature in ipairs(order) do place[feature] = rank end
  table.sort(order, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return place[a] < place[b]
  end)
  local text = {}
  for rank = 1, math.min(#order, MOST_LABELS) do
    local feature = order[rank]
    text[rank] = int(counts[feature]) .. ' ' .. feature .. ' ' .. kept[feature] .. '\n'
  end
  return table.concat(text)
end

local function own_labels(take)
  for place = FIRST_LABEL, #ARGV, 2 do
    local hex = string.gsub(ARGV[place], '.', function(c) return string.format('%02x', string.byte(c)) end)
    take(1, hex, ARGV[place + 1])
  end
end

local function note_article(story)
  local key = K.story(story)
  local facts = fields_of(key)
  if not facts.first then
    redis.call('HSET', key, 'first', item, 'opened', time)
  end
  redis.call('HSET', key, 'n', int(tonumber(facts.n or 0) + 1), 'newest', item, 'updated', time,
             'articles', joined(id, facts.articles or '', MOST_ARTICLES),
             'sources', joined(facts.sources or '', domain, MOST_SOURCES),
             'languages', joined(facts.languages or '', code, MOST_SOURCES),
             'about', more_labels(facts.about or '', own_labels))
end

local function merge(into, from)
  local here, there = fields_of(K.gist(ref_of(into))), fields_of(K.gist(ref_of(from)))
  for name, packed in pairs(there) do
    if name == 'names' or string.sub(name, 1, 2) == 'v ' then
      local by, other_by = tonumber(here['n ' .. name] or 0), tonumber(there['n ' .. name])
      local other = {}
      for feature, weight in each(packed) do other[feature] = weight end
      local sum = together(here[name], math.min(by, HEAVY), other, math.min(other_by, HEAVY), MOST_OF_STORY)
      redis.call('HSET', K.gist(ref_of(into)), name, sum, 'n ' .. name, by + other_by)
    end
  end
  redis.call('HSET', K.gist(ref_of(into)), 'updated', int(math.max(tonumber(here.updated), tonumber(there.updated))))
  local ours, theirs = fields_of(K.story(into)), fields_of(K.story(from))
  redis.call('HSET', K.story(into), 'n', int(tonumber(ours.n) + tonumber(theirs.n)),
             'articles', joined(ours.articles, theirs.articles, MOST_ARTICLES),
             'sources', joined(ours.sources, theirs.sources, MOST_SOURCES),
             'languages', joined(ours.languages, theirs.languages, MOST_SOURCES),
             'merged', joined(from .. ' ' .. (theirs.merged or ''), ours.merged or '', MOST_MERGED),
             'about', more_labels(ours.about, function(take)
               for count, feature, label in string.gmatch(theirs.about, '(%d+) (%x+) ([^\n]+)\n') do
                 take(tonumber(count), feature, label)
               end
             end))
  redis.call('DEL', K.story(from), K.gist(ref_of(from)))
  redis.call('HSET', K.story(from), 'into', into)
  redis.call('HSET', K.gist(ref_of(from)), 'into', ref_of(into))
  redis.call('PEXPIRE', K.story(from), keep_ms)
  redis.call('PEXPIRE', K.gist(ref_of(from)), int(window + 2 * DAY_MS))
  redis.call('ZREM', K.newest_stories, from)
end

-- Are two stories one, apart from what the article says that fits both?
local function one_story(a, b)
  local here, there = fields_of(K.gist(ref_of(a.id))), fields_of(K.gist(ref_of(b.id)))
  local other_names = {}
  for feature, weight in each(there.names or '') do other_names[feature] = weight end
  local by_names = alike(other_names, here.names)
  local text, languages = 0, 0
  for name, packed in pairs(here) do
    if string.sub(name, 1, 2) == 'v ' and there[name] then
      local other = {}
      for feature, weight in each(there[name]) do other[feature] = weight end
      text, languages = text + alike(other, packed), languages + 1
    end
  end
  if languages > 0 then return TEXT * text / languages + (1 - TEXT) * by_names >= SAME * ONE end
  return by_names >= CROSS * ONE
end

local function list(words)
  local quoted = {}
  for word in string.gmatch(words or '', '%S+') do quoted[#quoted + 1] = cjson.encode(word) end
  return '[' .. table.concat(quoted, ',') .. ']'
end

local function entities(lines)
  local all = {}
  for count, label in string.gmatch(lines or '', '(%d+) %x+ ([^\n]+)\n') do
    all[#all + 1] = string.sub(label, 1, -2) .. ',"count":' .. count .. '}'
  end
  return '[' .. table.concat(all, ',') .. ']'
end

local function tell(story, kind)
  local number, facts = int(redis.call('HINCRBY', K.story(story), 'events', 1)), fields_of(K.story(story))
  local event_id = story .. ':' .. number
  local event = '{"specversion":"1.0","id":"' .. event_id .. '","type":"' .. kind .. '","source":"' .. source ..
    '","subject":"' .. story .. '","time":"' .. time .. '","datacontenttype":"application/json"' ..
    ',"dataschema":"urn:palmyra:schema:story:v1","data":{"id":"' .. story .. '","size":' .. facts.n ..
    ',"opened":"' .. facts.opened .. '","updated":"' .. facts.updated .. '","first":' .. facts.first ..
    ',"newest":' .. facts.newest .. ',"articles":' .. list(facts.articles) .. ',"sources":' .. list(facts.sources) ..
    ',"languages":' .. list(facts.languages) .. ',"entities":' .. entities(facts.about) ..
    ',"merged":' .. list(facts.merged) .. '}}'
  redis.call('XADD', K.stories, '*', 'id', event_id, 'type', kind, 'event', event)
  redis.call('PUBLISH', K.stories, event)
end

-- An older story, or of two that opened at once the one whose id comes first.
local function before(a, b)
  if a.opened ~= b.opened then return a.opened < b.opened end
  return a.id < b.id
end

local function place_among(found)
  local story, merged_a_known_one = found[1], false
  if not story then return id, false end
  learn_from_article(story.id)
  note_article(story.id)
  for place = 2, #found do
    local other = found[place]
    if other.fit >= FITS_BOTH and one_story(story, other) then
      local into, from = story, other
      if before(other, story) then into, from = other, story end
      local was_told = redis.call('HEXISTS', K.story(from.id), 'events') == 1
      local newest, updated = unpack(redis.call('HMGET', K.story(story.id), 'newest', 'updated'))
      merge(into.id, from.id)
      redis.call('HSET', K.story(into.id), 'newest', newest, 'updated', updated)
      story, merged_a_known_one = into, merged_a_known_one or was_told
    end
  end
  return story.id, merged_a_known_one
end

local function of_original()
  local text = original ~= '' and redis.call('HGET', K.link(original), 'story')
  local story = text and resolved(string.match(text, '^%S+'))
  if story and redis.call('EXISTS', K.gist(ref_of(story))) == 1 and redis.call('HEXISTS', K.story(story), 'n') == 1 then
    return story
  end
end

local story, merged = of_original(), false
if story then
  note_article(story)
  local key = K.gist(ref_of(story))
  redis.call('HSET', key, 'updated', int(math.max(at, tonumber(redis.call('HGET', key, 'updated') or at))))
  redis.call('PEXPIRE', key, window)
elseif #terms + #names < 6 then
  return {}  -- too little to tell it by
else
  story, merged = place_among(candidates())
  if story == id then
    redis.call('DEL', K.gist(ref_of(id)))
    learn_from_article(id)
    note_article(id)
  end
end

local size, told = unpack(redis.call('HMGET', K.story(story), 'n', 'events'))
size = tonumber(size)
redis.call('PEXPIRE', K.story(story), size > 1 and math.max(window, keep_ms) or window)
if redis.call('EXISTS', K.link(id)) == 1 then redis.call('HSET', K.link(id), 'story', story .. ' ' .. int(size)) end
if size > 1 then
  tell(story, merged and 'news.story.merged.v1' or told and 'news.story.grew.v1' or 'news.story.opened.v1')
  redis.call('ZADD', K.newest_stories, int(wall), story)
  redis.call('ZREMRANGEBYRANK', K.newest_stories, 0, -MOST_LISTED - 1)
  redis.call('PEXPIRE', K.newest_stories, int(math.max(window, keep_ms)))
end
return {story, size}
