-- Put before stories.lua: vectors of features, and what is read and written of them.
-- A vector is a list of {feature, weight, …}; packed, for Redis, each feature is followed by its weight in two bytes.
local FEATURE = 6  -- bytes of one

-- Halves 16-bit counters.
local function halve(key)
  local raw, halves = redis.call('GET', key), {}
  for place = 1, #raw - 1, 2 do
    local high, low = string.byte(raw, place, place + 1)
    local half = math.floor((high * 256 + low) / 2)
    halves[#halves + 1] = string.char(math.floor(half / 256), half % 256)
  end
  redis.call('SET', key, table.concat(halves))
end

-- To length 1.
local function normalised(vector)
  local sum = 0
  for _, one in ipairs(vector) do sum = sum + one[2] * one[2] end
  local length = math.sqrt(sum)
  if length > 0 then
    for _, one in ipairs(vector) do one[2] = one[2] / length end
  end
  return vector
end

-- The heaviest.
local function best(vector, most)
  table.sort(vector, function(a, b)
    if a[2] ~= b[2] then return a[2] > b[2] end
    return a[1] < b[1]
  end)
  for place = #vector, most + 1, -1 do vector[place] = nil end
  return normalised(vector)
end

local function packed_of(vector)
  local parts = {}
  for _, one in ipairs(vector) do
    local weight = math.min(65535, math.max(0, math.floor(one[2] * 65535 + 0.5)))
    parts[#parts + 1] = one[1] .. string.char(math.floor(weight / 256), weight % 256)
  end
  return table.concat(parts)
end

local function each(packed)
  local place = 1 - FEATURE - 2
  return function()
    place = place + FEATURE + 2
    if place > #packed then return nil end
    local high, low = string.byte(packed, place + FEATURE, place + FEATURE + 1)
    return string.sub(packed, place, place + FEATURE - 1), (high * 256 + low) / 65535
  end
end

local function weights_of(vector)
  local weights = {}
  for _, one in ipairs(vector) do weights[one[1]] = one[2] end
  return weights
end

-- A story's vector and one more, weighed by the articles behind each.
local function together(packed, by, other, other_by, most)
  local sum = {}
  for feature, weight in each(packed or '') do sum[feature] = by * weight end
  for feature, weight in pairs(other) do sum[feature] = (sum[feature] or 0) + other_by * weight end
  local vector = {}
  for feature, weight in pairs(sum) do vector[#vector + 1] = {feature, weight} end
  return packed_of(best(vector, most))
end

local function fields_of(key)
  local raw, fields = redis.call('HGETALL', key), {}
  for place = 1, #raw, 2 do fields[raw[place]] = raw[place + 1] end
  return fields
end

-- Words in a row, each once.
local function joined(words, more, most)
  local seen, kept = {}, {}
  for word in string.gmatch(words .. ' ' .. more, '%S+') do
    if not seen[word] and #kept < most then
      seen[word] = true
      kept[#kept + 1] = word
    end
  end
  return table.concat(kept, ' ')
end
