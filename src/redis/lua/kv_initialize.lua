-- Makes a namespace: a hash with the marker, the field without a name. Answers what the server says of itself, or ''
-- where the user may not ask.
-- KEYS: data. ARGV: its time to live in ms, 0 for none.
redis.call('HSET', KEYS[1], '', '1')
if ARGV[1] ~= '0' then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
else
    -- A setting of before may have had one.
    redis.call('PERSIST', KEYS[1])
end
local info = redis.pcall('INFO', 'server')
if type(info) == 'string' then
    return info
end
return ''
