//! What can be typed after `eventflux state`.

use crate::store::RedisArgs;
use clap::{Args, Subcommand};
use eventflux::store::Revision;
use std::path::PathBuf;

const LS_HELP: &str =
    "Columns: state = bytes of content in its chunks, stored = the same as the store keeps them,
epoch = what this checkpoint alone added, chain = epochs whose chunks a restore reads,
next rows = where each named input goes on.

Examples:
  eventflux state ls file:state
  eventflux state ls file:state --app Vwap --json
  EVENTFLUX_REDIS_PASSWORD=… eventflux state ls redis://localhost:6379 --redis-user ops";
const SHOW_HELP: &str = "Without a revision the last one is shown.

Examples:
  eventflux state show file:state Vwap
  eventflux state show file:state Vwap 3-1041 --json";
const VERIFY_HELP: &str =
    "Exit status: 0 all is sound, 1 something is damaged or missing, 2 usage error.
A chunk that no revision uses is listed, but is not damage: a checkpoint under way, or one that
failed, has left it there.

Examples:
  eventflux state verify file:state
  eventflux state verify file:state Vwap 3-1041";
const DIFF_HELP: &str = "Example:
  eventflux state diff file:state Vwap 3-1041 3-1042";
const EXPORT_HELP: &str =
    "The file holds the whole revision with its digests, and is read by `state import` anywhere.

Example:
  eventflux state export file:state Vwap --to vwap.efbl";
const IMPORT_HELP: &str =
    "The revision becomes the last one of the app, under a new name; what the store holds stays.

Example:
  eventflux state import file:elsewhere --from vwap.efbl
  eventflux run examples/vwap.sql --store file:elsewhere --restore latest --events trades.jsonl";
const PRUNE_HELP: &str =
    "The last revision and pinned ones always stay. A running app must be stopped first.

Examples:
  eventflux state prune file:state Vwap --keep 3 --dry-run
  eventflux state prune file:state Vwap --keep 3";
const PIN_HELP: &str = "Without a revision the last one is pinned. A name that exists is moved.

Examples:
  eventflux state pin file:state Vwap before-upgrade
  eventflux state pin file:state Vwap before-upgrade --remove";

#[cfg(feature = "redis")]
const ACL_HELP: &str = "The line goes to standard output, how to apply it to standard error.

Examples:
  eventflux state acl --user orders --app orders
  eventflux state acl >> /etc/redis/users.acl";

/// What to do with state.
#[derive(Subcommand, Debug)]
pub enum StateCommand {
    /// List apps and their revisions
    Ls(LsArgs),
    /// Show what a revision consists of
    Show(ShowArgs),
    /// Check every digest of every revision
    Verify(VerifyArgs),
    /// Show what differs between two revisions
    Diff(DiffArgs),
    /// Write a revision to a file
    Export(ExportArgs),
    /// Add the revision of a file to a store
    Import(ImportArgs),
    /// Delete old revisions
    Prune(PruneArgs),
    /// Name a revision, so that it is kept
    Pin(PinArgs),
    /// Print what a user of Redis must be allowed
    #[cfg(feature = "redis")]
    Acl(AclArgs),
    /// Not in this build
    #[cfg(not(feature = "redis"))]
    #[command(hide = true, disable_help_flag = true)]
    Acl(crate::args::Absent),
}

/// Where state is.
#[derive(Args, Debug)]
pub struct StoreArg {
    /// The store: file:DIR, redis://…
    ///
    /// Also rediss://…, unix:///…, redis+sentinel://…, redis+cluster://…
    #[arg(value_name = "URL")]
    pub url: String,
    /// What a URL of Redis does not say.
    #[command(flatten)]
    pub redis: RedisArgs,
}

/// Options of `state ls`.
#[derive(Args, Debug)]
#[command(after_long_help = LS_HELP)]
pub struct LsArgs {
    /// Where the state is
    #[command(flatten)]
    pub store: StoreArg,
    /// Only this app
    #[arg(long, value_name = "NAME")]
    pub app: Option<String>,
    /// As JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// Options of `state show`.
#[derive(Args, Debug)]
#[command(after_long_help = SHOW_HELP)]
pub struct ShowArgs {
    /// Where the state is
    #[command(flatten)]
    pub store: StoreArg,
    /// Name of the app
    #[arg(value_name = "APP")]
    pub app: String,
    /// Name of the revision
    #[arg(value_name = "REVISION")]
    pub revision: Option<Revision>,
    /// As JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// Options of `state verify`.
#[derive(Args, Debug)]
#[command(after_long_help = VERIFY_HELP)]
pub struct VerifyArgs {
    /// Where the state is
    #[command(flatten)]
    pub store: StoreArg,
    /// Only this app
    #[arg(value_name = "APP")]
    pub app: Option<String>,
    /// Only this revision
    #[arg(value_name = "REVISION")]
    pub revision: Option<Revision>,
}

/// Options of `state diff`.
#[derive(Args, Debug)]
#[command(after_long_help = DIFF_HELP)]
pub struct DiffArgs {
    /// Where the state is
    #[command(flatten)]
    pub store: StoreArg,
    /// Name of the app
    #[arg(value_name = "APP")]
    pub app: String,
    /// The first revision
    #[arg(value_name = "A")]
    pub from: Revision,
    /// The second revision
    #[arg(value_name = "B")]
    pub to: Revision,
    /// As JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// Options of `state export`.
#[derive(Args, Debug)]
#[command(after_long_help = EXPORT_HELP)]
pub struct ExportArgs {
    /// Where the state is
    #[command(flatten)]
    pub store: StoreArg,
    /// Name of the app
    #[arg(value_name = "APP")]
    pub app: String,
    /// Name of the revision; without it the last one
    #[arg(value_name = "REVISION")]
    pub revision: Option<Revision>,
    /// The file
    ///
    /// One that exists is replaced when the new one is complete.
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

/// Options of `state import`.
#[derive(Args, Debug)]
#[command(after_long_help = IMPORT_HELP)]
pub struct ImportArgs {
    /// Where the state goes
    #[command(flatten)]
    pub store: StoreArg,
    /// The file
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// Another name for the app than the one in the file
    #[arg(long, value_name = "NAME")]
    pub app: Option<String>,
}

/// Options of `state prune`.
#[derive(Args, Debug)]
#[command(after_long_help = PRUNE_HELP)]
pub struct PruneArgs {
    /// Where the state is
    #[command(flatten)]
    pub store: StoreArg,
    /// Name of the app
    #[arg(value_name = "APP")]
    pub app: String,
    /// How many revisions stay, beside pinned ones
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: u32,
    /// Only say what would go
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `state pin`.
#[derive(Args, Debug)]
#[command(after_long_help = PIN_HELP)]
pub struct PinArgs {
    /// Where the state is
    #[command(flatten)]
    pub store: StoreArg,
    /// Name of the app
    #[arg(value_name = "APP")]
    pub app: String,
    /// Name of the pin
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The revision; without it the last one
    #[arg(value_name = "REVISION", conflicts_with = "remove")]
    pub revision: Option<Revision>,
    /// Take the name away
    #[arg(long)]
    pub remove: bool,
}

/// Options of `state acl`.
#[cfg(feature = "redis")]
#[derive(Args, Debug)]
#[command(after_long_help = ACL_HELP)]
pub struct AclArgs {
    /// Name of the user
    #[arg(long, value_name = "NAME", default_value = "eventflux")]
    pub user: String,
    /// How all keys begin
    #[arg(long, value_name = "PREFIX", default_value = "eventflux:")]
    pub prefix: String,
    /// Only the keys of this app
    ///
    /// Without it all of the prefix, the state backend's included.
    #[arg(long, value_name = "NAME")]
    pub app: Option<String>,
}
