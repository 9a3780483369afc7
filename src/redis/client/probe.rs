//! Asks how servers are, beside the calls that do something.

use super::super::link::Link;
use super::{Client, texts};
use crate::store::StoreError;
use redis::{RedisResult, Value};
use std::time::Instant;

impl Client {
    /// Asks the server what it is, and how long that takes; behind sentinels first which one it is.
    pub(in crate::redis) fn probe(&self) -> Result<(), StoreError> {
        self.shared.connector.look_for_primary();
        let asked = Instant::now();
        if self.is_cluster() {
            return self.probe_cluster();
        }
        let primary = self.look(Link::is_primary)?;
        let mut seen = self.shared.seen.lock();
        seen.round_trip = Some(asked.elapsed());
        seen.role = Some(if primary { "primary" } else { "replica" });
        Ok(())
    }

    /// A primary that replaced another one writes a history of its own, even where no call met an error; what the other
    /// one had acknowledged last may be missing in it.
    fn probe_cluster(&self) -> Result<(), StoreError> {
        let asked = Instant::now();
        let told = self.look(|link| redis::cmd("INFO").arg("replication").query::<Value>(link));
        let told = match told {
            // The user may not ask: then only errors tell of failovers.
            Err(StoreError::Refused { .. }) => {
                self.look(|link| redis::cmd("PING").query::<Value>(link).map(|_| Value::Nil))
            }
            other => other,
        };
        let mut histories: Vec<String> = texts(told?)
            .iter()
            .filter_map(|info| info.lines().find_map(|l| l.strip_prefix("master_replid:")))
            .map(|id| id.trim().to_string())
            .collect();
        histories.sort();
        let mut seen = self.shared.seen.lock();
        seen.round_trip = Some(asked.elapsed());
        seen.failovers += u64::from(seen.histories != histories);
        seen.histories = histories;
        Ok(())
    }

    /// Asks how a server is. That it answers does not mean that it can do what it refused as unavailable, such as a
    /// write while its disk is full: of that the next call tells.
    fn look<T>(&self, act: impl FnOnce(&mut Link) -> RedisResult<T>) -> Result<T, StoreError> {
        let what = "ping";
        let mut link = self.link(what).map_err(|failed| failed.error)?;
        let told = act(&mut link).map_err(|error| self.failure(what, &error).error)?;
        if !self.shared.seen.lock().unavailable {
            self.noted_success();
        }
        Ok(told)
    }
}
