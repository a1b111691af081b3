-- Ends a repair: moves the marker of the partition, to say that every outcome below `offset` is in.
-- Answers 1, or -1: the server lost its content since the repair began, and nothing was written.
--
-- KEYS  marker of the partition, the repair's own key
-- ARGV  'rebuild' (the marker never goes back) or 'replace' (it was another log's), offset, arrival time of the
--       record before `offset` (0: there is none)
if redis.call('DEL', KEYS[2]) == 0 then return -1 end
local reached = tonumber(redis.call('HGET', KEYS[1], 'offset'))
if ARGV[1] == 'replace' or not reached or tonumber(ARGV[2]) >= reached then
  redis.call('HSET', KEYS[1], 'offset', ARGV[2], 'arrived_at', ARGV[3])
end
return 1
