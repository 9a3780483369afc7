-- Copies a namespace, empty or not, to a checkpoint.
-- KEYS: data, checkpoint. ARGV: their times to live in ms, 0 for none.
redis.call('HSET', KEYS[1], '', '1')
redis.call('COPY', KEYS[1], KEYS[2], 'REPLACE')
-- A copy has the deadline of what it was copied from, and a setting without one takes deadlines of before away.
for i = 1, 2 do
    if ARGV[i] ~= '0' then
        redis.call('PEXPIRE', KEYS[i], ARGV[i])
    else
        redis.call('PERSIST', KEYS[i])
    end
end
