//! Moves slots from node to node in steps, so that a test can stay half-way.

use crate::cluster::Cluster;
use crate::nodes::NodeLine;
use crate::redis::Redis;
use crate::settings::{PASSWORD, USER};
use crate::wire::Reply;
use std::io;

/// For one MIGRATE, in milliseconds.
const LIMIT: &str = "60000";

impl Cluster {
    /// Marks a slot as on its way from its owner to `to`; none of its keys moves.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn begin_migration(&self, slot: u16, to: &Redis) {
        to.must(self.try_begin(slot, to));
    }

    fn try_begin(&self, slot: u16, to: &Redis) -> io::Result<()> {
        let from = self.try_owner_of(slot)?;
        let (from_id, to_id) = (self.id_of(from)?, self.id_of(to)?);
        set_slot(to, slot, &["IMPORTING", &from_id])?;
        set_slot(from, slot, &["MIGRATING", &to_id])
    }

    /// Moves up to `count` keys of a slot whose migration has begun; answers how many.
    ///
    /// # Panics
    /// When it is refused, or the migration has not begun.
    #[track_caller]
    pub fn move_keys(&self, slot: u16, count: usize) -> usize {
        self.try_move_keys(slot, count).expect("keys move")
    }

    /// The same.
    pub fn try_move_keys(&self, slot: u16, count: usize) -> io::Result<usize> {
        let (from, to) = self.ends(slot)?;
        let (slot, count) = (slot.to_string(), count.to_string());
        let keys = from
            .try_cmd(&["CLUSTER", "GETKEYSINSLOT", &slot, &count])?
            .ok()?;
        let keys: Vec<String> = keys.items().iter().map(Reply::text).collect();
        if keys.is_empty() {
            return Ok(0);
        }
        let port = to.port().to_string();
        let mut migrate = vec!["MIGRATE", "127.0.0.1", &port, "", "0", LIMIT];
        migrate.extend(["AUTH2", USER, PASSWORD, "KEYS"]);
        migrate.extend(keys.iter().map(String::as_str));
        from.try_cmd(&migrate)?.ok()?;
        Ok(keys.len())
    }

    /// Moves what is left, and tells all primaries of the new owner.
    ///
    /// # Panics
    /// When it is refused, or the migration has not begun.
    #[track_caller]
    pub fn end_migration(&self, slot: u16) {
        self.try_end(slot).expect("the migration ends");
    }

    fn try_end(&self, slot: u16) -> io::Result<()> {
        while self.try_move_keys(slot, 100)? > 0 {}
        let (from, to) = self.ends(slot)?;
        let id = self.id_of(to)?;
        // the new owner first: in between both would send clients to each other
        set_slot(to, slot, &["NODE", &id])?;
        set_slot(from, slot, &["NODE", &id])?;
        for node in self.primaries() {
            set_slot(node, slot, &["NODE", &id])?;
        }
        Ok(())
    }

    /// All three steps.
    ///
    /// # Panics
    /// When one is refused.
    #[track_caller]
    pub fn migrate(&self, slot: u16, to: &Redis) {
        self.begin_migration(slot, to);
        self.end_migration(slot);
    }

    /// Where a slot comes from and where it goes.
    fn ends(&self, slot: u16) -> io::Result<(&Redis, &Redis)> {
        let from = self.try_owner_of(slot)?;
        let own = self.own(from)?;
        let leaving = own.leaving.iter().find(|(s, _)| *s == slot);
        let not_begun = || io::Error::other(format!("slot {slot} is not migrating"));
        let (_, id) = leaving.ok_or_else(not_begun)?;
        let is = |node: &&Redis| self.own(node).is_ok_and(|n: NodeLine| n.id == *id);
        let to = self.nodes().iter().find(is);
        let to = to.ok_or_else(|| io::Error::other(format!("no node {id}")))?;
        Ok((from, to))
    }
}

fn set_slot(node: &Redis, slot: u16, rest: &[&str]) -> io::Result<()> {
    let slot = slot.to_string();
    let mut command = vec!["CLUSTER", "SETSLOT", &slot];
    command.extend(rest);
    node.try_cmd(&command)?.ok()?;
    Ok(())
}
