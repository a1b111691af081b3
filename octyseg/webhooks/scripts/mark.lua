-- Moves the marker of a partition. Answers 1, or -1: what it would stand for was lost meanwhile, and it stays.
-- Forward only, but for a schedule that was made: who is late, and has not heard of the next owner, does not take it back.
--
-- KEYS  marker of the partition
-- ARGV  floor: the marker must have reached it, or '' for a schedule that was being made; the name under which it was
--       made, which the marker must have; then fields and values
if ARGV[1] == '' then
  if redis.call('HGET', KEYS[1], 'making') ~= ARGV[2] then return -1 end
  redis.call('HDEL', KEYS[1], 'making')
  redis.call('HSET', KEYS[1], 'made', ARGV[2])
else
  local reached, made = unpack(redis.call('HMGET', KEYS[1], 'tags', 'made'))
  if not reached or tonumber(reached) < tonumber(ARGV[1]) or (made or '') ~= ARGV[2] then return -1 end
  for i = 3, #ARGV, 2 do
    local before = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or 0)
    ARGV[i + 1] = math.max(before, tonumber(ARGV[i + 1]))
  end
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
return 1
