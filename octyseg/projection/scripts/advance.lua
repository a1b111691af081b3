-- Moves the marker of a partition forward, to say that every outcome below `offset` is in. Answers as apply does.
--
-- KEYS  marker of the partition
-- ARGV  floor, offset, arrival time of the record before `offset` (0: there is none)
local reached = tonumber(redis.call('HGET', KEYS[1], 'offset'))
if not reached or reached < tonumber(ARGV[1]) then return -1 end
if tonumber(ARGV[2]) < reached then return 0 end
redis.call('HSET', KEYS[1], 'offset', ARGV[2], 'arrived_at', ARGV[3])
return 1
