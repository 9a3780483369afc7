-- Gives the claim up.
if holder ~= who or generation ~= mine then
  return {'FENCED', text(generation)}
end
redis.call('HDEL', ctl, 'who', 'owner', 'proc', 'lease')
live_on()
return {'OK'}
