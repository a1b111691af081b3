-- Puts one profile in the place of what is known of it, with its memberships: all or nothing.
-- Answers 1 applied, 0 older than what is stored, -1 the partition's content is not what the caller read on from.
--
-- KEYS  marker of the partition, hash of the profile, profiles of the partition, segments with members
-- ARGV  floor, offset, version, profile id, prefix of member sets, kept,
--       number of memberships, (segment, since)..., (field, value)...
-- floor: 'rebuild' skips the marker, 'replace' also the version; else where the caller's last write left the marker.
local marker, profile, profiles, segments = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local floor, offset, version, id, prefix, kept = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1'

if floor ~= 'rebuild' and floor ~= 'replace' then
  local reached = tonumber(redis.call('HGET', marker, 'offset'))
  if not reached or reached < tonumber(floor) then return -1 end
  if tonumber(offset) < reached then return 0 end
end

local stored = redis.call('HMGET', profile, 'version', 'tags')
if floor ~= 'replace' and stored[1] and stored[1] > version then return 0 end

local is_member = {}
local last_membership = 7 + 2 * tonumber(ARGV[7])
redis.call('DEL', profile)
if kept then
  redis.call('HSET', profile, 'version', version, unpack(ARGV, last_membership + 1))
  redis.call('SADD', profiles, id)
  for i = 8, last_membership, 2 do
    is_member[ARGV[i]] = true
    redis.call('ZADD', prefix .. ARGV[i], ARGV[i + 1], id)
    redis.call('SADD', segments, ARGV[i])
  end
else
  redis.call('SREM', profiles, id)
end

for _, tag in ipairs(cjson.decode(stored[2] or '[]')) do
  if not is_member[tag.segment_id] then
    redis.call('ZREM', prefix .. tag.segment_id, id)
    if redis.call('EXISTS', prefix .. tag.segment_id) == 0 then redis.call('SREM', segments, tag.segment_id) end
  end
end
return 1
