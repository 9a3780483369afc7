-- What there is: generation, last committed epoch, '1' if it was cleared since, head, then revisions and pins as field
-- and value. Manifests, which may be large, stay where they are. 'LOST' where one has no revision any more.
local found = {text(generation), text(number(was, 'epoch')), redis.call('HGET', was, 'cleared') or '0',
  redis.call('HGET', ctl, 'head') or ''}
for _, field in ipairs(redis.call('HKEYS', ctl)) do
  local kind = string.sub(field, 1, 2)
  if kind == 'm:' and redis.call('HEXISTS', ctl, 'r:' .. string.sub(field, 3)) == 0 then
    return {'LOST', ctl, 'r:' .. string.sub(field, 3)}
  end
  if kind == 'r:' or kind == 'p:' then
    table.insert(found, field)
    table.insert(found, redis.call('HGET', ctl, field))
  end
end
return found
