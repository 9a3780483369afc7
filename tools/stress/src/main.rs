//! What is tried with eventflux for longer than tests may take. Every subcommand ends with a line of figures, and with
//! status 1 where something did not hold; what is random tells its seed.
//!
//! `.ci/run` runs each for some seconds; docs/operations.md has the figures of the long runs.

mod apps;
mod child;
mod damage;
mod devices;
mod failure;
mod files;
mod kill;
#[path = "../../fuzz/mutate.rs"]
mod mutate;
mod repository;
mod rows;
mod sizes;
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
    /// Mutated apps: each is refused with a place, or runs over extreme rows
    Apps(apps::AppsArgs),
    /// Texts that ask for much, in sizes up to the limit: each is checked in little memory and time
    Sizes(sizes::SizesArgs),
    /// Mutated rows: JSON and CSV against other readers
    Rows(rows::RowsArgs),
    /// Odd files through the command line: empty, endless, folders, pipes, other formats
    Files(files::FilesArgs),
    /// Full devices and little memory: documented ends, and a next run that is exact
    Devices(devices::DevicesArgs),
    /// Runs an app at full speed with a checkpoint every 100 ms: its memory becomes flat, and no row is lost
    Soak(soak::SoakArgs),
}

/// The random numbers of a case, which can be tried again alone.
fn case(seed: u64, number: u64) -> eventflux_kit::Random {
    eventflux_kit::Random::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(number))
}

fn main() -> ExitCode {
    let done = match Stress::parse().what {
        What::Damage(args) => damage::run(&args),
        What::Kill(args) => kill::run(&args),
        What::KillLife(args) => kill::run_life(&args),
        What::Apps(args) => apps::run(&args),
        What::Sizes(args) => sizes::run(&args),
        What::Rows(args) => rows::run(&args),
        What::Files(args) => files::run(&args),
        What::Devices(args) => devices::run(&args),
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
