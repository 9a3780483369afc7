-- Common beginning of the scripts on one app's control hash.
-- A server whose memory is full refuses a command that may need some, but only as the first write of a script. What
-- puts an end off or frees something therefore comes first where the script must not fail by that: a full server ends no
-- owner's lease. A commit begins with a write that it may refuse.
--   KEYS[1] control hash, KEYS[2] marker without a time to live, KEYS[3] what the generation has uploaded, not on a cluster
--   ARGV[1] id of the handle, ARGV[2] its generation (0: none), ARGV[3] its lease in ms, ARGV[4] time to live in ms (0: none)
local ctl, was = KEYS[1], KEYS[2]
local who, mine, lease, ttl = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function number(key, field)
  return tonumber(redis.call('HGET', key, field) or '0')
end

local function text(value)
  return string.format('%.0f', value)
end

-- What is no number is told, and not calculated with.
for _, place in ipairs({{ctl, 'gen'}, {ctl, 'lease'}, {ctl, 'epoch'}, {ctl, 'pins'}, {was, 'gen'}, {was, 'epoch'}}) do
  local value = redis.call('HGET', place[1], place[2])
  if value and (#value > 15 or not string.match(value, '^%d+$')) then
    return {'DAMAGED', place[1], place[2]}
  end
end

local generation = math.max(number(ctl, 'gen'), number(was, 'gen'))
local holder = redis.call('HGET', ctl, 'who') or ''
local left = number(ctl, 'lease') - now

-- While something is pinned, nothing of the app expires.
local function live_on()
  if ttl > 0 and number(ctl, 'pins') == 0 then
    redis.call('PEXPIRE', ctl, text(ttl))
  else
    redis.call('PERSIST', ctl)
  end
end

-- For calls that carry a generation. Answers why not, or nil. A server that has lost the claim (a failover, a restart
-- without its data) is given it back: nobody has taken over since.
local function check_generation()
  if generation > mine or (generation == mine and holder ~= '' and holder ~= who) then
    return {'FENCED', text(generation)}
  end
  if generation < mine or holder == '' then
    redis.call('HSET', ctl, 'gen', text(mine), 'who', who, 'owner', ARGV[5], 'proc', ARGV[6], 'lease', text(now + lease))
    redis.call('HSET', was, 'gen', text(mine))
    generation, holder = mine, who
  end
end

-- For calls that carry none: another owner's app is not touched. `mine` is the last generation of the handle.
local function check_handle()
  if holder == who then
    return nil
  end
  if mine > 0 and mine < generation then
    return {'FENCED', text(generation)}
  end
  if holder ~= '' and left > 0 then
    return {'LOCKED', redis.call('HGET', ctl, 'owner') or '', text(left)}
  end
end
