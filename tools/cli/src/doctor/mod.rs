//! `eventflux doctor`: whether a Redis keeps checkpoints as it should, and what to change.
//!
//! `check` judges what an inspection found; `node` does so for one server, `operations` for what was tried.

mod check;
mod node;
mod operations;
mod told;

use crate::failure::Failure;
use crate::show;
use crate::state::print_json;
use crate::state::text::{plain, table};
use crate::store::{KINDS, RedisArgs, is_redis};
use check::{Check, Status, checks};
use clap::Args;
use serde::Serialize;

const DOCTOR_HELP: &str = "Exit status: 0 nothing failed, though there may be warnings; 1 a check failed or nobody answers;
2 usage error. Each operation is tried on keys made for it, `…{APP}:doctor-…`, which are deleted
again; without --app the APP is `doctor`.

Examples:
  eventflux doctor redis://localhost:6379
  EVENTFLUX_REDIS_PASSWORD=… eventflux doctor redis://localhost:6379 --redis-user a --app orders
  eventflux doctor redis+sentinel://a,b,c/main --redis-replicas 1 --json";

/// Options of `doctor`.
#[derive(Args, Debug)]
#[command(after_long_help = DOCTOR_HELP)]
pub struct DoctorArgs {
    /// The Redis: redis://…, rediss://…
    ///
    /// Also unix:///…, redis+sentinel://…, redis+cluster://…
    #[arg(value_name = "URL")]
    pub url: String,
    /// The app whose state it is to keep: only its keys are tried
    #[arg(long, value_name = "NAME")]
    pub app: Option<String>,
    /// As JSON, for programs
    #[arg(long)]
    pub json: bool,
    /// What the URL does not say.
    #[command(flatten)]
    pub redis: RedisArgs,
}

/// What is written for programs.
#[derive(Serialize)]
struct View<'a> {
    url: &'a str,
    status: Status,
    checks: &'a [Check],
}

/// Inspects, judges, tells.
pub fn run(args: &DoctorArgs) -> Result<(), Failure> {
    if !is_redis(&args.url) {
        return Err(Failure::usage(format!(
            "doctor looks at a Redis; URLs are: {}",
            KINDS.trim_start_matches("memory, file:DIR, ")
        )));
    }
    let store = args.redis.open(&args.url)?;
    let inspection = store.inspect(args.app.as_deref());
    let inspection = inspection.map_err(|e| Failure::usage(e.to_string()))?;
    let checks = checks(&inspection, args.app.as_deref());
    let status = checks.iter().map(|c| c.status).max().unwrap_or(Status::Ok);
    if args.json {
        let url = &inspection.url;
        print_json(&View {
            url,
            status,
            checks: &checks,
        })?;
    } else {
        show!("{}\n{}", inspection.url, shown(&checks));
    }
    match status {
        Status::Fail => Err(Failure::told()),
        Status::Ok | Status::Warn => Ok(()),
    }
}

fn shown(checks: &[Check]) -> String {
    let head = [("", '<'), ("server", '<'), ("check", '<'), ("found", '<')];
    let row = |check: &Check| {
        let mut found = plain(&check.found);
        if let Some(advice) = &check.advice {
            found += &format!("\n→ {}", plain(advice));
        }
        vec![
            check.status.shown().to_string(),
            plain(&check.server),
            check.name.to_string(),
            found,
        ]
    };
    let rows = checks.iter().map(row).collect();
    let count = |status| checks.iter().filter(|c| c.status == status).count();
    let (ok, warn, fail) = (count(Status::Ok), count(Status::Warn), count(Status::Fail));
    format!(
        "{}\n\n{ok} ok, {warn} to look at, {fail} failed",
        table(&head, rows)
    )
}
