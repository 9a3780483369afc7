-- Begins an epoch, before its first chunk. ARGV[7] the epoch, ARGV[8] its revision. Answers how many pins there are, too.
local refused = check_generation()
if refused then
  return refused
end
if redis.call('HEXISTS', ctl, 'r:' .. ARGV[8]) == 1 then
  return {'COMMITTED'}
end
redis.call('HSET', ctl, 'epoch', text(math.max(number(ctl, 'epoch'), tonumber(ARGV[7]))), 'begun', ARGV[8],
  'lease', text(now + lease))
live_on()
return {'OK', text(number(ctl, 'pins'))}
