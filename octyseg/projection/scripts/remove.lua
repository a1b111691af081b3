-- Takes out a profile that the log does not know, unless somebody has written it since it was looked at.
--
-- KEYS  hash of the profile, profiles of the partition, segments with members
-- ARGV  version it had, profile id, prefix of member sets, prefix of customers, prefix of identities,
--       prefix of claims
local stored = redis.call('HMGET', KEYS[1], 'version', 'tags', 'customer_id', 'identity')
if (stored[1] or '') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[2])
if stored[3] then redis.call('SREM', ARGV[4] .. stored[3], ARGV[2]) end
if stored[4] and redis.call('GET', ARGV[5] .. stored[4]) == ARGV[2] then redis.call('DEL', ARGV[5] .. stored[4]) end
for _, claimed in ipairs(redis.call('SMEMBERS', ARGV[6] .. ARGV[2])) do
  if redis.call('GET', ARGV[5] .. claimed) == ARGV[2] then redis.call('DEL', ARGV[5] .. claimed) end
end
redis.call('DEL', ARGV[6] .. ARGV[2])
for _, tag in ipairs(cjson.decode(stored[2] or '[]')) do
  redis.call('ZREM', ARGV[3] .. tag.segment_id, ARGV[2])
  if redis.call('EXISTS', ARGV[3] .. tag.segment_id) == 0 then redis.call('SREM', KEYS[3], tag.segment_id) end
end
return 1
