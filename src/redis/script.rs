//! What is done to one app's control hash: one script per step, each atomic and safe to send again.
//!
//! The scripts are in `lua/`. They are sent whole (`EVAL`): after a failover no server has to know them.

use super::link::Link;
use redis::{RedisResult, ToRedisArgs, Value};

/// A script: the common beginning, and what it does.
pub(super) struct Script(&'static str);

macro_rules! script {
    ($file:literal) => {
        Script(concat!(
            include_str!("lua/claim.lua"),
            include_str!(concat!("lua/", $file))
        ))
    };
}

pub(super) const ACQUIRE: Script = script!("acquire.lua");
pub(super) const BEGIN: Script = script!("begin.lua");
pub(super) const COMMIT: Script = script!("commit.lua");
pub(super) const RENEW: Script = script!("renew.lua");
pub(super) const RELEASE: Script = script!("release.lua");
pub(super) const PIN: Script = script!("pin.lua");
pub(super) const RETIRE: Script = script!("retire.lua");
pub(super) const CLEAR: Script = script!("clear.lua");
pub(super) const CATALOGUE: Script = script!("catalogue.lua");

/// Who calls, and for which app.
pub(super) struct Caller<'a> {
    pub(super) control: String,
    pub(super) marker: String,
    /// Tells on one server that the chunks of an epoch are there.
    pub(super) uploaded: String,
    /// Id of the handle.
    pub(super) who: &'a str,
    /// Its generation, or its last one; 0 for none.
    pub(super) generation: u64,
    pub(super) lease_ms: u64,
    /// 0 for none.
    pub(super) ttl_ms: u64,
}

/// What a script answered: a word, and more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer(Vec<String>);

impl Answer {
    pub(super) fn word(&self) -> &str {
        self.text(0)
    }

    /// What stands at a place; empty where there is nothing.
    pub(super) fn text(&self, place: usize) -> &str {
        self.0.get(place).map_or("", String::as_str)
    }

    /// A number at a place; 0 where there is none.
    pub(super) fn number(&self, place: usize) -> u64 {
        self.text(place).parse().unwrap_or(0)
    }

    pub(super) fn into_texts(self) -> Vec<String> {
        self.0
    }
}

impl Script {
    /// Runs it on a connection.
    pub(super) fn run(
        &self,
        link: &mut Link,
        caller: &Caller<'_>,
        args: &[&dyn Argument],
    ) -> RedisResult<Answer> {
        let mut cmd = redis::cmd("EVAL");
        cmd.arg(self.0)
            // A key that is not there would keep a script from running while its slot moves; on a cluster it never is.
            .arg(if link.is_cluster() { 2 } else { 3 })
            .arg(&caller.control)
            .arg(&caller.marker);
        if !link.is_cluster() {
            cmd.arg(&caller.uploaded);
        }
        cmd.arg(caller.who).arg(caller.generation);
        cmd.arg(caller.lease_ms).arg(caller.ttl_ms);
        for arg in args {
            arg.add_to(&mut cmd);
        }
        let values: Vec<Value> = cmd.query(link)?;
        let texts = values.iter().map(|value| match value {
            // Whatever someone else may have written there.
            Value::BulkString(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
            other => redis::from_redis_value_ref::<String>(other),
        });
        Ok(Answer(texts.collect::<Result<_, _>>()?))
    }
}

/// An argument of a script.
pub(super) trait Argument {
    fn add_to(&self, cmd: &mut redis::Cmd);
}

impl<T: ToRedisArgs> Argument for T {
    fn add_to(&self, cmd: &mut redis::Cmd) {
        cmd.arg(self);
    }
}
