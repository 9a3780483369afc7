//! `eventflux state`: what stores hold, for people and programs.
//!
//! Commands that only read work beside a running app. Those that write claim the app first, so that no two processes
//! write at once; a claim is given up when the command ends.

#[cfg(feature = "redis")]
mod acl;
mod args;
mod diff;
mod export;
mod import;
mod list;
mod pin;
mod prune;
pub mod read;
mod show;
pub mod text;
mod verify;

pub use args::{StateCommand, StoreArg};
pub use export::revision_bytes;

use crate::failure::Failure;
use crate::show;

/// Runs a command.
pub fn run(command: &StateCommand) -> Result<(), Failure> {
    match command {
        StateCommand::Ls(args) => list::run(args),
        StateCommand::Show(args) => show::run(args),
        StateCommand::Verify(args) => verify::run(args),
        StateCommand::Diff(args) => diff::run(args),
        StateCommand::Export(args) => export::run(args),
        StateCommand::Import(args) => import::run(args),
        StateCommand::Prune(args) => prune::run(args),
        StateCommand::Pin(args) => pin::run(args),
        #[cfg(feature = "redis")]
        StateCommand::Acl(args) => acl::run(args),
        #[cfg(not(feature = "redis"))]
        StateCommand::Acl(absent) => Err(absent.told()),
    }
}

/// Writes a value for programs.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::from_run)?;
    show!("{text}");
    Ok(())
}
