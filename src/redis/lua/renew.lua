-- Renews the lease. ARGV[5] owner, ARGV[6] its process. Answers how many pins there are, and the head.
local lost = generation <= mine and number(ctl, 'gen') < mine
if not lost and (holder ~= who or generation ~= mine) then
  return {'FENCED', text(generation)}
end
live_on()
if lost then
  -- The server has lost the claim; one that was given up has its generation still.
  check_generation()
end
redis.call('HSET', ctl, 'lease', text(now + lease))
-- A hash that was lost has none of before.
live_on()
return {'OK', text(number(ctl, 'pins')), redis.call('HGET', ctl, 'head') or ''}
