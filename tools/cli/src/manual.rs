//! Completions of shells and pages of a manual, from the one definition of what can be typed.

use crate::args::Cli;
use crate::failure::Failure;
use crate::show;
use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

const COMPLETIONS_HELP: &str = "Examples:
  eventflux completions bash > ~/.local/share/bash-completion/completions/eventflux
  eventflux completions zsh > \"${fpath[1]}/_eventflux\"
  eventflux completions fish > ~/.config/fish/completions/eventflux.fish";

/// Options of `completions`.
#[derive(Args, Debug)]
#[command(after_long_help = COMPLETIONS_HELP)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Completed,
}

/// A shell that is completed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Completed {
    /// GNU bash
    Bash,
    /// The Z shell
    Zsh,
    /// The friendly interactive shell
    Fish,
}

const MAN_HELP: &str = "Examples:
  eventflux man | man -l -
  eventflux man --dir ~/.local/share/man/man1 && man eventflux-run";

/// Options of `man`.
#[derive(Args, Debug)]
#[command(after_long_help = MAN_HELP)]
pub struct ManArgs {
    /// Write a page per subcommand into this folder instead
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints what a shell sources.
pub fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    let shell = match args.shell {
        Completed::Bash => Shell::Bash,
        Completed::Zsh => Shell::Zsh,
        Completed::Fish => Shell::Fish,
    };
    let mut text = Vec::new();
    let mut command = Cli::command();
    let name = command.get_name().to_string();
    clap_complete::generate(shell, &mut command, name, &mut text);
    print(&text)
}

/// Prints the page of the command, or writes those of all subcommands.
pub fn pages(args: &ManArgs) -> Result<(), Failure> {
    let Some(dir) = &args.dir else {
        let mut text = Vec::new();
        let page = clap_mangen::Man::new(Cli::command()).render(&mut text);
        page.map_err(Failure::from_run)?;
        return print(&text);
    };
    let failed = |e: std::io::Error| Failure::run(format!("--dir {}: {e}", dir.display()));
    std::fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), dir).map_err(failed)
}

fn print(text: &[u8]) -> Result<(), Failure> {
    let text = std::str::from_utf8(text).map_err(Failure::from_run)?;
    show!("{}", text.trim_end());
    Ok(())
}
