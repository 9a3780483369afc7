-- Takes all revisions and pins out; generation, claim and greatest epoch stay.
local refused = check_handle()
if refused then
  return refused
end
for _, field in ipairs(redis.call('HKEYS', ctl)) do
  local kind = string.sub(field, 1, 2)
  if kind == 'm:' or kind == 'r:' or kind == 'p:' then
    redis.call('HDEL', ctl, field)
  end
end
redis.call('HDEL', ctl, 'head', 'pins')
if redis.call('EXISTS', was) == 1 then
  redis.call('HSET', was, 'cleared', '1')
end
live_on()
return {'OK', text(generation)}
