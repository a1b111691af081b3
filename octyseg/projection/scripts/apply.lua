-- Puts profiles in the place of what is known of them, with their memberships: all or nothing.
-- Answers how many it wrote (the others are older than what is there), or -1: the partition's content is
-- not what the caller read on from, and nothing was written.
--
-- KEYS  marker of the partition, profiles of the partition, segments with members
-- ARGV  floor, prefix of profiles' hashes, prefix of member sets, prefix of customers, prefix of identities,
--       prefix of claims, msgpack list of (offset, profile id, version, fields and values or nil, segments and since,
--       customer id or '', authenticated id or '')
-- floor: 'rebuild' skips the marker, 'replace' also the version; else where the caller's last write left the marker.
local marker, profiles, segments = KEYS[1], KEYS[2], KEYS[3]
local floor, profile_prefix, member_prefix = ARGV[1], ARGV[2], ARGV[3]
local customer_prefix, identity_prefix, claims_prefix = ARGV[4], ARGV[5], ARGV[6]

local reached = 0
if floor ~= 'rebuild' and floor ~= 'replace' then
  reached = tonumber(redis.call('HGET', marker, 'offset'))
  if not reached or reached < tonumber(floor) then return -1 end
end

local written = 0
for _, update in ipairs(cmsgpack.unpack(ARGV[7])) do
  local offset, id, version, fields, members, customer, identity = unpack(update, 1, 7)
  local profile = profile_prefix .. id
  local stored = redis.call('HMGET', profile, 'version', 'tags', 'customer_id', 'identity')
  local is_older = floor ~= 'replace' and stored[1] and stored[1] > version
  if not is_older and (floor == 'rebuild' or floor == 'replace' or offset >= reached) then
    written = written + 1
    redis.call('DEL', profile)
    if stored[3] and stored[3] ~= customer then redis.call('SREM', customer_prefix .. stored[3], id) end
    if stored[4] and stored[4] ~= identity and redis.call('GET', identity_prefix .. stored[4]) == id then
      redis.call('DEL', identity_prefix .. stored[4])
    end
    local is_member = {}
    if fields then
      redis.call('HSET', profile, 'version', version, unpack(fields))
      redis.call('ZADD', profiles, 0, id)
      if customer ~= '' then redis.call('SADD', customer_prefix .. customer, id) end
      if identity ~= '' then
        redis.call('HSET', profile, 'identity', identity)
        redis.call('SET', identity_prefix .. identity, id, 'NX')
      end
      for i = 1, #members, 2 do
        is_member[members[i]] = true
        redis.call('ZADD', member_prefix .. members[i], members[i + 1], id)
        redis.call('SADD', segments, members[i])
      end
    else
      redis.call('ZREM', profiles, id)
      for _, claimed in ipairs(redis.call('SMEMBERS', claims_prefix .. id)) do
        if redis.call('GET', identity_prefix .. claimed) == id then redis.call('DEL', identity_prefix .. claimed) end
      end
      redis.call('DEL', claims_prefix .. id)
    end
    for _, tag in ipairs(cjson.decode(stored[2] or '[]')) do
      if not is_member[tag.segment_id] then
        redis.call('ZREM', member_prefix .. tag.segment_id, id)
        if redis.call('EXISTS', member_prefix .. tag.segment_id) == 0 then
          redis.call('SREM', segments, tag.segment_id)
        end
      end
    end
  end
end
return written
