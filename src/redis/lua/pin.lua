-- Moves, adds or takes away a pin. ARGV[5] its name, ARGV[6] the revision or ''.
local refused = check_handle()
if refused then
  return refused
end
local field, revision = 'p:' .. ARGV[5], ARGV[6]
local known = redis.call('HEXISTS', ctl, field)
if revision == '' then
  if known == 1 then
    redis.call('HDEL', ctl, field)
    redis.call('HINCRBY', ctl, 'pins', -1)
  end
else
  if redis.call('HEXISTS', ctl, 'r:' .. revision) == 0 then
    return {'UNKNOWN'}
  end
  if known == 0 then
    redis.call('HSET', ctl, field, revision, 'pins', text(number(ctl, 'pins') + 1))
  else
    redis.call('HSET', ctl, field, revision)
  end
end
live_on()
return {'OK', text(number(ctl, 'pins'))}
