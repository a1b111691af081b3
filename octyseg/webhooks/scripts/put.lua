-- Puts deliveries on the schedule, unless they are there or were there a while ago; what was there before it was made
-- does not count. Answers 1, or -1: the partition's schedule is not what the caller left, and nothing was written.
--
-- KEYS  marker of the partition, deliveries of the partition, endpoints with lanes
-- ARGV  floor ('' skips the check), the name under which it was made, prefix of first lanes, prefix of retry lanes,
--       prefix of marks, life of marks in ms, then for each delivery: id, endpoint, offset, due at in ms (0: first
--       attempt), the packed delivery
if ARGV[1] ~= '' then
  local reached, made = unpack(redis.call('HMGET', KEYS[1], 'tags', 'made'))
  if not reached or tonumber(reached) < tonumber(ARGV[1]) or (made or '') ~= ARGV[2] then return -1 end
end
for i = 7, #ARGV, 5 do
  local id, endpoint, offset, due_at, packed = unpack(ARGV, i, i + 4)
  local fresh = true
  if due_at == '0' and ARGV[1] ~= '' then
    fresh = redis.call('GET', ARGV[5] .. id) ~= ARGV[2]
    if fresh then redis.call('SET', ARGV[5] .. id, ARGV[2], 'PX', ARGV[6]) end
  end
  if fresh then
    redis.call('HSET', KEYS[2], id, packed)
    redis.call('SADD', KEYS[3], endpoint)
    if due_at == '0' then
      redis.call('ZADD', ARGV[3] .. endpoint, offset, id)
    else
      redis.call('ZADD', ARGV[4] .. endpoint, due_at, id)
    end
  end
end
return 1
