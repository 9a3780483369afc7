-- Changes fields of a namespace and puts its end off.
-- KEYS: data. ARGV: its time to live in ms, the command, what follows the key in it.
-- The marker, which may have expired, and the end come first: where the user may not do that, nothing has changed.
redis.call('HSET', KEYS[1], '', '1')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
-- Lua takes some 8,000 values at once; of keys and values an even number.
local some = 4000
for i = 3, #ARGV, some do
    redis.call(ARGV[2], KEYS[1], unpack(ARGV, i, math.min(i + some - 1, #ARGV)))
end
