-- Moves the marker of a partition. Answers 1, or -1: what it would stand for was lost meanwhile, and it stays.
--
-- KEYS  marker of the partition
-- ARGV  floor: the marker must have reached it; or '' and the name under which the schedule is being made, which the
--       marker must have; then fields and values
if ARGV[1] == '' then
  if redis.call('HGET', KEYS[1], 'making') ~= ARGV[2] then return -1 end
  redis.call('HDEL', KEYS[1], 'making')
else
  local reached = tonumber(redis.call('HGET', KEYS[1], 'tags'))
  if not reached or reached < tonumber(ARGV[1]) then return -1 end
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
return 1
