-- Gives the claim up.
if holder == '' and generation == mine then
  -- Done before: the reply to it was lost.
  redis.call('HDEL', ctl, 'who')
  return {'OK'}
end
if holder ~= who or generation ~= mine then
  return {'FENCED', text(generation)}
end
redis.call('HDEL', ctl, 'who', 'owner', 'proc', 'lease')
live_on()
return {'OK'}
