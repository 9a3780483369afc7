-- Copies a checkpoint to the namespace. Answers 0 where there is no such checkpoint, and then nothing has changed.
-- KEYS: data, checkpoint. ARGV: the time to live of data in ms, 0 for none.
if redis.call('COPY', KEYS[2], KEYS[1], 'REPLACE') == 0 then
    return 0
end
if ARGV[1] ~= '0' then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
else
    redis.call('PERSIST', KEYS[1])
end
return 1
