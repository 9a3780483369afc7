-- Takes revisions out of the catalogue: ARGV[5] and on. The head and pinned ones are refused, and then all are.
-- Answers revision and digest of those in one piece; no digest for those that are not there.
local refused = check_handle()
if refused then
  return refused
end
local pinned = {}
if number(ctl, 'pins') > 0 then
  for _, field in ipairs(redis.call('HKEYS', ctl)) do
    if string.sub(field, 1, 2) == 'p:' then
      pinned[redis.call('HGET', ctl, field)] = true
    end
  end
end
local head = redis.call('HGET', ctl, 'head') or ''
for i = 5, #ARGV do
  if ARGV[i] == head then
    return {'HEAD', ARGV[i]}
  elseif pinned[ARGV[i]] then
    return {'PINNED', ARGV[i]}
  end
end
-- Chunks of an epoch that was begun may go, too: a commit of it that is still on its way must not find them gone.
redis.call('HDEL', ctl, 'begun')
local gone = {'OK'}
for i = 5, #ARGV do
  local entry = redis.call('HGET', ctl, 'r:' .. ARGV[i])
  if not entry then
    -- Done before, perhaps: the reply to it was lost.
    table.insert(gone, ARGV[i])
    table.insert(gone, '')
  elseif string.sub(entry, 33) == 'w' then
    table.insert(gone, ARGV[i])
    table.insert(gone, string.sub(entry, 1, 32))
  end
  redis.call('HDEL', ctl, 'm:' .. ARGV[i], 'r:' .. ARGV[i])
end
return gone
