-- Renews the lease. Answers how many pins there are, too.
if holder ~= who or generation ~= mine then
  return {'FENCED', text(generation)}
end
redis.call('HSET', ctl, 'lease', text(now + lease))
live_on()
return {'OK', text(number(ctl, 'pins'))}
