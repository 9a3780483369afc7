-- Changes fields of a namespace and puts its end off.
-- KEYS: data. ARGV: its time to live in ms, the command, what follows the key in it.
-- The marker, which may have expired, and the end come first: where the user may not do that, nothing has changed.
local function put_off()
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
-- A server whose memory is full refuses a command that may need some, but only as the first write of a script: what takes
-- fields away puts the end off first, and is not refused. Where fields are set the marker is the first write: once it is
-- refused nothing is set, and the end is put off all the same.
if ARGV[2] == 'HDEL' then
    put_off()
    redis.call('HSET', KEYS[1], '', '1')
else
    local marked = redis.pcall('HSET', KEYS[1], '', '1')
    if type(marked) == 'table' and marked.err then
        put_off()
        return marked
    end
end
put_off()
-- Lua takes some 8,000 values at once; of keys and values an even number.
local some = 4000
for i = 3, #ARGV, some do
    redis.call(ARGV[2], KEYS[1], unpack(ARGV, i, math.min(i + some - 1, #ARGV)))
end
