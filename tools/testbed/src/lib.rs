//! Real Redis servers for the tests and the bench of eventflux, and a proxy that breaks connections on command.
//!
//! Servers are `redis-server`, or the program that `EVENTFLUX_REDIS_SERVER` names: Redis from 6.2 on, or Valkey.
//!
//! Everything is started on free ports of 127.0.0.1 with directories of its own, and is ended and removed on drop,
//! also by a panic; when the process itself is killed, a watching shell per server does the same.
//!
//! Names without prefix (`start`, `cmd`, `kill`, …) are for tests: they panic, with the end of the server's log.
//! Names that begin with `try_` answer an `io::Result` instead.

mod any;
#[cfg(feature = "tls")]
mod certificate;
mod cluster;
mod disk;
mod migration;
mod nodes;
mod port;
mod process;
mod proxy;
mod redis;
mod scratch;
mod sentinel;
mod settings;
mod tls;
mod wait;
mod wire;

pub use any::{AnyRedis, any_redis};
pub use cluster::Cluster;
pub use disk::Disk;
pub use nodes::{NodeLine, slot_of};
pub use proxy::{Direction, Proxy, Toxic, Which};
pub use redis::Redis;
pub use scratch::Scratch;
pub use sentinel::Sentinel;
pub use settings::{Aof, Builder};
pub use tls::{Identity, Tls};
pub use wait::{try_until, until};
pub use wire::{Reply, Wire};

use std::io::Write;
use std::time::Duration;

/// Whatever a test waits for is there within this time, also on a machine that has much other work, or never.
pub const HANG: Duration = Duration::from_secs(120);

/// Set to `1`: a test that needs Redis fails where it would be skipped.
pub const REQUIRE: &str = "EVENTFLUX_REQUIRE_REDIS";

/// Whether a server can be started.
///
/// # Panics
/// Where `EVENTFLUX_REDIS_SERVER` names a program that is none.
pub fn available() -> bool {
    process::program().is_some()
}

/// What servers are, such as `Redis 7.0.15`, by what their program says.
///
/// # Panics
/// Without the program.
pub fn server_name() -> &'static str {
    &process::program().expect("a server").name
}

/// The first line of a test that fills a disk, of so many bytes. `None` means return.
///
/// # Panics
/// Where no file system can be mounted when [`REQUIRE`] is `1`.
pub fn need_disk(bytes: u64) -> Option<Disk> {
    let disk = Disk::mount(bytes);
    if disk.is_none() {
        skipped("no right to mount a file system");
    }
    disk
}

/// The first line of a test that starts servers of its own, which no `REDIS_URL` replaces: false means return. What any
/// Redis will do for uses [`any_redis`].
///
/// # Panics
/// Without the program when [`REQUIRE`] is `1`.
pub fn need_server() -> bool {
    available() || skipped("no redis-server")
}

fn skipped(why: &str) -> bool {
    let required = std::env::var(REQUIRE).is_ok_and(|v| v == "1");
    assert!(!required, "{REQUIRE}=1, but there is {why}");
    // Not by a macro: what those print of a test that passes is shown to nobody.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
    false
}
