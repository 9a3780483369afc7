//! A store in Redis, whose keys are damaged.

use super::Medium;
use super::bytes::damaged;
use crate::failure::Failure;
use eventflux::redis::{RedisConfig, RedisOptions, RedisPersistenceStore};
use eventflux::store::PersistenceStore;
use eventflux_kit::Random;
use eventflux_testbed::{Redis, Reply, Wire, available};
use std::sync::Arc;
use std::time::Duration;

type Bytes = Vec<u8>;
type Command = Vec<Bytes>;

/// What a key holds.
enum Content {
    Text(Bytes),
    /// Fields and values.
    Hash(Vec<(Bytes, Bytes)>),
    Set(Vec<Bytes>),
}

struct Key {
    name: Bytes,
    content: Content,
}

/// The server, its keys as they were written, and what damages them.
pub struct InRedis {
    redis: Redis,
    wire: Wire,
    keys: Vec<Key>,
    /// Commands that write all keys.
    whole: Vec<Command>,
    damage: Vec<Command>,
}

fn bytes(reply: &Reply) -> Bytes {
    match reply {
        Reply::Bulk(Some(bytes)) => bytes.clone(),
        other => other.text().into_bytes(),
    }
}

fn command(parts: &[&[u8]]) -> Command {
    parts.iter().map(|part| part.to_vec()).collect()
}

impl InRedis {
    pub fn new() -> Result<InRedis, Failure> {
        if !available() {
            return Err(Failure::new("there is no redis-server to damage keys in"));
        }
        let redis = Redis::builder().try_start()?;
        Ok(InRedis {
            wire: redis.try_wire()?,
            redis,
            keys: Vec::new(),
            whole: Vec::new(),
            damage: Vec::new(),
        })
    }

    fn ask(&mut self, parts: &[&[u8]]) -> Result<Reply, Failure> {
        Ok(self.wire.cmd(parts)?.ok()?)
    }

    fn list(&mut self, parts: &[&[u8]]) -> Result<Vec<Bytes>, Failure> {
        let mut all: Vec<Bytes> = self.ask(parts)?.items().iter().map(bytes).collect();
        if parts[0] != b"HGETALL" {
            all.sort();
        }
        Ok(all)
    }

    fn content(&mut self, name: &[u8]) -> Result<Content, Failure> {
        Ok(match self.ask(&[b"TYPE", name])?.text().as_str() {
            "string" => Content::Text(bytes(&self.ask(&[b"GET", name])?)),
            "set" => Content::Set(self.list(&[b"SMEMBERS", name])?),
            _ => {
                let pairs = self.list(&[b"HGETALL", name])?;
                let pairs = pairs.chunks_exact(2);
                let mut pairs: Vec<_> = pairs.map(|p| (p[0].clone(), p[1].clone())).collect();
                pairs.sort();
                Content::Hash(pairs)
            }
        })
    }

    /// What is done to one key.
    fn change(&self, random: &mut Random, key: &Key) -> (String, Vec<Command>) {
        let name = key.name.as_slice();
        let shown = String::from_utf8_lossy(name).into_owned();
        let others = |of: &dyn Fn(&Key) -> Vec<Bytes>| -> Vec<Bytes> {
            self.keys.iter().flat_map(of).collect()
        };
        if random.below(10) == 0 {
            let commands = match random.below(3) {
                0 => vec![command(&[b"DEL", name])],
                1 => vec![command(&[b"DEL", name]), command(&[b"RPUSH", name, b"x"])],
                _ => vec![command(&[b"DEL", name]), command(&[b"SET", name, b"7"])],
            };
            return (format!("{shown}: gone, or of another type"), commands);
        }
        match &key.content {
            Content::Text(text) => {
                let texts = others(&|key| match &key.content {
                    Content::Text(text) => vec![text.clone()],
                    _ => Vec::new(),
                });
                let (how, new) = damaged(random, text, &texts);
                let done = match new {
                    Some(new) => command(&[b"SET", name, &new]),
                    None => command(&[b"DEL", name]),
                };
                (format!("{shown}: {how}"), vec![done])
            }
            Content::Hash(pairs) => {
                let (field, value) = &pairs[random.below(pairs.len() as u64) as usize];
                let values: Vec<Bytes> = pairs.iter().map(|(_, value)| value.clone()).collect();
                let (how, new) = damaged(random, value, &values);
                let done = match new {
                    Some(new) => command(&[b"HSET", name, field, &new]),
                    None => command(&[b"HDEL", name, field]),
                };
                let field = String::from_utf8_lossy(field);
                (format!("{shown} {field}: {how}"), vec![done])
            }
            Content::Set(members) => {
                let member = &members[random.below(members.len() as u64) as usize];
                let (how, new) = damaged(random, member, members);
                let mut done = vec![command(&[b"SREM", name, member])];
                done.extend(new.map(|new| command(&[b"SADD", name, &new])));
                (format!("{shown}, a member: {how}"), done)
            }
        }
    }
}

impl Medium for InRedis {
    fn store(&self) -> Result<Arc<dyn PersistenceStore>, Failure> {
        let config = RedisConfig {
            url: self.redis.url(),
            connection_timeout_ms: 10_000,
            ..RedisConfig::default()
        };
        let ms = Duration::from_millis;
        let options = RedisOptions::default()
            .read_timeout(ms(10_000))
            .write_timeout(ms(10_000))
            .retry(ms(5), ms(50), ms(2_000));
        Ok(Arc::new(RedisPersistenceStore::new_with_options(
            config, options,
        )?))
    }

    fn keep(&mut self) -> Result<(), Failure> {
        for name in self.list(&[b"KEYS", b"*"])? {
            let dump = bytes(&self.ask(&[b"DUMP", &name])?);
            self.whole.push(command(&[b"RESTORE", &name, b"0", &dump]));
            let content = self.content(&name)?;
            self.keys.push(Key { name, content });
        }
        Ok(())
    }

    fn damage(&mut self, random: &mut Random) -> Result<String, Failure> {
        // half of it in the keys that are the catalogue: most keys are chunks and their indexes
        let is_catalogue = |key: &&Key| matches!(key.content, Content::Hash(_));
        let all: Vec<&Key> = self.keys.iter().collect();
        let few: Vec<&Key> = self.keys.iter().filter(is_catalogue).collect();
        let some = if random.below(2) == 0 { all } else { few };
        let (mut told, mut commands) = (Vec::new(), Vec::new());
        for _ in 0..=u64::from(random.below(5) == 0) {
            let (what, done) = {
                let key = random.pick(&some);
                self.change(random, key)
            };
            told.push(what);
            commands.extend(done);
        }
        self.damage = commands;
        self.again()?;
        Ok(told.join(", "))
    }

    fn again(&mut self) -> Result<(), Failure> {
        let reset = [command(&[b"FLUSHALL"])];
        let parts = [reset.as_slice(), &self.whole, &self.damage];
        let mut sent = 0;
        for parts in parts.iter().flat_map(|commands| commands.iter()) {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            self.wire.send(&parts)?;
            sent += 1;
        }
        // two damages to one key: the second may find another type
        for _ in 0..sent {
            self.wire.read()?;
        }
        Ok(())
    }

    fn can_be_written(&self) -> bool {
        false
    }

    fn lost(&self, _aside: &str) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }
}
