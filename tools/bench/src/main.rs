//! The program `eventflux-bench`: what can be typed, and the exit status.

use clap::Parser;
use eventflux_bench::{BenchArgs, BenchError, HELP, run};
use std::io::Write;
use std::process::ExitCode;

/// The command line.
#[derive(Parser)]
#[command(
    name = "eventflux-bench",
    version,
    about = "Measure the engine beside the same work written by hand",
    after_help = HELP,
    max_term_width = 110
)]
struct Command {
    #[command(flatten)]
    args: BenchArgs,
}

fn main() -> ExitCode {
    let (status, message) = match run(&Command::parse().args) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(BenchError::Run(message)) => (1, message),
        Err(BenchError::Usage(message)) => (2, message),
    };
    // Standard error may be full, which is no reason for another status.
    let _ = writeln!(std::io::stderr(), "eventflux-bench: {message}");
    ExitCode::from(status)
}
