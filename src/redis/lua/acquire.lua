-- Claims the app. ARGV[5] owner, ARGV[6] its process, ARGV[7] '1' to take over, ARGV[8] and ARGV[9] holders that may be
-- displaced: this handle itself, when the reply to its claim was lost, and one whose process is known to be gone.
if holder ~= '' and left > 0 and ARGV[7] ~= '1' and holder ~= ARGV[8] and holder ~= ARGV[9] then
  return {'LOCKED', redis.call('HGET', ctl, 'owner') or '', text(left), holder, redis.call('HGET', ctl, 'proc') or ''}
end
-- Where a time to live is given up, chunks have theirs still: until those are done, the hash keeps one, so that who
-- claims next knows of it.
local given_up = ttl == 0 and redis.call('PERSIST', ctl) == 1
local function keep()
  if given_up then
    redis.call('PEXPIRE', ctl, 86400000)
  else
    live_on()
  end
end
keep()
generation = math.max(generation, mine) + 1
redis.call('HSET', ctl, 'fmt', '1', 'gen', text(generation), 'who', who, 'owner', ARGV[5], 'proc', ARGV[6],
  'lease', text(now + lease))
redis.call('HSET', was, 'gen', text(generation))
-- A new hash had nothing to keep before.
keep()
-- What was written while nothing was pinned has a time to live, too.
local stale = given_up or number(ctl, 'pins') > 0
return {'OK', text(generation), text(math.max(number(ctl, 'epoch'), number(was, 'epoch'))), text(number(ctl, 'pins')),
  stale and '1' or '0'}
