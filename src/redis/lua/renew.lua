-- Renews the lease. ARGV[5] owner, ARGV[6] its process. Answers how many pins there are, and the head.
if generation <= mine and number(ctl, 'gen') < mine then
  -- The server has lost the claim; one that was given up has its generation still.
  check_generation()
elseif holder ~= who or generation ~= mine then
  return {'FENCED', text(generation)}
end
redis.call('HSET', ctl, 'lease', text(now + lease))
live_on()
return {'OK', text(number(ctl, 'pins')), redis.call('HGET', ctl, 'head') or ''}
