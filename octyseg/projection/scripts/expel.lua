-- Takes a profile out of a segment's members when its own hash has no such tag.
--
-- KEYS  hash of the profile, members of the segment, segments with members
-- ARGV  profile id, segment id
for _, tag in ipairs(cjson.decode(redis.call('HGET', KEYS[1], 'tags') or '[]')) do
  if tag.segment_id == ARGV[2] then return 0 end
end
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('SREM', KEYS[3], ARGV[2]) end
return 1
