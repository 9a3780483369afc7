//! What is tried with eventflux for longer than tests may take. Every subcommand ends with a line of figures, and with
//! status 1 where something did not hold; what is random tells its seed.
//!
//! `.ci/run` runs each for some seconds; docs/operations.md has the figures of the long runs.

mod damage;
mod failure;
mod kill;
#[path = "../../../tests/common/random.rs"]
mod random;
mod soak;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Tries eventflux for longer than tests may take.
#[derive(Debug, Parser)]
#[command(name = "eventflux-stress", version, max_term_width = 100)]
struct Stress {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Damages files or keys of a store: what is restored is what was there, all else is refused
    Damage(damage::DamageArgs),
    /// Kills processes again and again: what they leave is what one that was never killed leaves
    Kill(kill::KillArgs),
    /// One of the processes that `kill` starts
    #[command(hide = true)]
    KillLife(kill::LifeArgs),
    /// Runs an app at full speed with a checkpoint every 100 ms: its memory becomes flat, and no row is lost
    Soak(soak::SoakArgs),
}

fn main() -> ExitCode {
    let done = match Stress::parse().what {
        What::Damage(args) => damage::run(&args),
        What::Kill(args) => kill::run(&args),
        What::KillLife(args) => kill::run_life(&args),
        What::Soak(args) => soak::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("eventflux-stress: {failure}");
            ExitCode::FAILURE
        }
    }
}
