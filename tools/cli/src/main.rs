//! Command line of eventflux: runs, checks and explains SQL apps, generates events, looks after state.
//!
//! `args` is what can be typed; every subcommand has a file. Rows go to standard output, everything else to
//! standard error.

#![deny(clippy::disallowed_macros)]

mod app;
mod args;
mod checked;
mod checkpoints;
mod console;
#[cfg(feature = "redis")]
mod doctor;
mod events;
mod examples;
mod failure;
mod files;
mod generate;
mod inputs;
#[cfg(feature = "manual")]
mod manual;
mod named;
mod output;
mod paths;
mod places;
mod query;
mod report;
mod run;
mod session;
mod shape;
#[cfg(feature = "shell")]
mod shell;
mod signal;
mod small;
mod state;
mod store;
mod table;
mod test;
mod text;
mod trace;

use args::{Cli, Command};
use clap::Parser;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Gen(what) => generate::run(&what),
        Command::Run(args) => run::run(&args),
        Command::Check(args) => checked::check(&args),
        Command::Explain(args) => checked::explain(&args),
        Command::Query(args) => query::run(&args),
        #[cfg(feature = "shell")]
        Command::Shell(args) => shell::run(&args),
        Command::Test(args) => test::run(&args),
        Command::State(what) => state::run(&what),
        #[cfg(feature = "redis")]
        Command::Doctor(args) => doctor::run(&args),
        #[cfg(not(feature = "redis"))]
        Command::Doctor(absent) => Err(absent.told()),
        #[cfg(not(feature = "manual"))]
        Command::Completions(absent) => Err(absent.told()),
        #[cfg(feature = "manual")]
        Command::Completions(args) => manual::completions(&args),
        #[cfg(feature = "manual")]
        Command::Man(args) => manual::pages(&args),
        Command::Bench(moved) => Err(moved.told()),
    };
    let done = done.and_then(|()| match console::lost() {
        None => Ok(()),
        Some(why) => Err(Failure::run(format!("standard output: {why}"))),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if failure.has_message() {
                say!("eventflux: {failure}");
            }
            failure.status()
        }
    }
}
