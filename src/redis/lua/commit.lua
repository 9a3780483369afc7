-- Makes a revision the head: every check first, then one write.
-- ARGV[7] epoch, ARGV[8] revision, ARGV[9] its entry (digest and kind), ARGV[10] revision of the parent ('' for none),
-- ARGV[11] digest of the parent, ARGV[12] manifest or '', ARGV[13] 'commit', or 'save' for a revision in one piece,
-- whose generation is ARGV[14]; ARGV[15] what KEYS[3] holds when all chunks are there, or '' where that is not known;
-- ARGV[16] '1' when chunks were stored, which go when the epoch is given up: a commit that comes later is refused.
local whole = ARGV[13] == 'save'
local refused
if whole then
  refused = check_handle()
else
  refused = check_generation()
end
if refused then
  return refused
end
local epoch, revision, entry = tonumber(ARGV[7]), ARGV[8], ARGV[9]
local there = redis.call('HGET', ctl, 'r:' .. revision)
if there == entry then
  -- A write, so that waiting for replicas on this connection waits for all of it.
  redis.call('HSET', ctl, 'seen', text(now))
  return {'ALREADY'}
elseif there then
  return {'CONFLICT'}
end
if whole and tonumber(ARGV[14]) < generation then
  return {'FENCED', text(generation)}
end
local head = redis.call('HGET', ctl, 'head') or ''
if head ~= ARGV[10] or not string.match(head, '^%d+%-%d+$') then
  -- The revision with the greatest epoch is the head, whatever the field says.
  local greatest = -1
  head = ''
  for _, field in ipairs(redis.call('HKEYS', ctl)) do
    local name, of = string.match(field, '^r:(%d+%-(%d+))$')
    if name and tonumber(of) > greatest then
      head, greatest = name, tonumber(of)
    end
  end
end
if not whole then
  local digest = ''
  if head ~= '' then
    digest = string.sub(redis.call('HGET', ctl, 'r:' .. head) or '', 1, 32)
  end
  if head ~= ARGV[10] or digest ~= ARGV[11] then
    return {'STALE', head}
  end
end
if head ~= '' and epoch <= tonumber(string.match(head, '%-(%d+)$')) then
  return {'STALE', head}
end
if not whole and ARGV[15] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[15] then
  return {'LOST'}
end
if not whole and ARGV[16] == '1' and redis.call('HGET', ctl, 'begun') ~= revision then
  return {'LOST'}
end
local fields = {'head', revision, 'r:' .. revision, entry, 'epoch', text(math.max(number(ctl, 'epoch'), epoch))}
if whole then
  table.insert(fields, 'gen')
  table.insert(fields, ARGV[14])
else
  for _, field in ipairs({'m:' .. revision, ARGV[12], 'lease', text(now + lease)}) do
    table.insert(fields, field)
  end
end
redis.call('HSET', ctl, unpack(fields))
if KEYS[3] then
  redis.call('UNLINK', KEYS[3])
end
redis.call('HSET', was, 'gen', redis.call('HGET', ctl, 'gen'), 'epoch', text(epoch), 'cleared', '0')
live_on()
return {'DONE'}
