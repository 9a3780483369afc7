//! Texts that ask for much, in sizes up to the limit of a text: `check` answers each within limits of its process, and
//! with few words.

use crate::child::{Limits, ended, eventflux};
use crate::failure::Failure;
use clap::Args;
use eventflux_testbed::Scratch;
use shapes::{Shape, shapes};
use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../cli/tests/bounds/shapes.rs"]
mod shapes;

/// Apps take up to 1 MiB.
const TEXT_BYTES_MAX: usize = 1 << 20;
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Parts of the largest size that are tried.
const PARTS: [usize; 4] = [64, 8, 2, 1];

/// Options of `sizes`.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  cargo run --profile bench-dev -p eventflux-stress -- sizes --memory-mib 200")]
pub struct SizesArgs {
    /// Address space of a check in MiB
    #[arg(long, default_value_t = 200)]
    memory_mib: u64,
    /// Processor time of a check in seconds; code that is not optimised takes ten times longer
    #[arg(long, default_value_t = if cfg!(debug_assertions) { 50 } else { 5 })]
    seconds: u64,
    /// Only shapes whose name has this in it
    #[arg(long, default_value = "")]
    only: String,
    /// Only this part of the sizes, counted from the smallest: 1 to 4
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=4))]
    sizes: u64,
    /// The command line that is tried; the one beside this program when not given
    #[arg(long)]
    eventflux: Option<PathBuf>,
}

/// Checks every shape in every size; fails where one was not answered as it should be.
pub fn run(args: &SizesArgs) -> Result<(), Failure> {
    let program = eventflux(args.eventflux.as_deref())?;
    let limits = Limits {
        memory_mib: args.memory_mib,
        seconds: args.seconds,
    };
    let folder = Scratch::new()?;
    let path = folder.path().join("app.sql");
    let shapes = shapes().into_iter();
    let chosen: Vec<Shape> = shapes.filter(|s| s.name.contains(&args.only)).collect();
    let (mut right, mut refused, mut findings) = (0, 0, 0);
    for shape in &chosen {
        for count in counts(shape, args.sizes as usize) {
            let text = (shape.text)(count);
            fs::write(&path, &text)?;
            // what is said is known of the size that the tests ask for
            let told = if count == shape.count { shape.told } else { "" };
            match check(&program, limits, &path, told)? {
                Ok(0) => right += 1,
                Ok(_) => refused += 1,
                Err(why) => {
                    findings += 1;
                    println!("{}, {count}, {} bytes: {why}", shape.name, text.len());
                }
            }
        }
    }
    let tried = right + refused + findings;
    println!(
        "sizes: {} shapes, {tried} apps in {} MiB and {} s each, {right} right, {refused} refused, {findings} findings",
        chosen.len(),
        limits.memory_mib,
        limits.seconds
    );
    Failure::unless_none(findings)
}

/// How much is asked for: parts of what fits into a text, and what the tests ask for.
fn counts(shape: &Shape, sizes: usize) -> Vec<usize> {
    let fits = |count: usize| (shape.text)(count).len() <= TEXT_BYTES_MAX;
    let mut high = 1;
    while fits(high) {
        high *= 2;
    }
    let mut low = high / 2;
    while high - low > 1 + low / 1000 {
        let middle = (low + high) / 2;
        match fits(middle) {
            true => low = middle,
            false => high = middle,
        }
    }
    let mut counts: Vec<usize> = PARTS[..sizes].iter().map(|part| low / part).collect();
    if sizes == PARTS.len() {
        counts.push(shape.count);
    }
    counts.retain(|count| *count > 0);
    counts.sort_unstable();
    counts.dedup();
    counts
}

/// The status of a check, or what is wrong with how it ended.
fn check(
    program: &Path,
    limits: Limits,
    app: &Path,
    part: &str,
) -> Result<Result<i32, String>, Failure> {
    let output = limits.run(program, [Path::new("check"), app])?;
    let told = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&told);
    let start: String = text.chars().take(300).collect();
    let wrong = |why: String| Ok(Err(format!("{why}: {start:?}")));
    let status = match output.status.code() {
        Some(status @ (0 | 2)) => status,
        _ => return wrong(ended(output.status)),
    };
    if told.is_empty() || told.len() > MESSAGE_BYTES_MAX {
        return wrong(format!("{} bytes are told", told.len()));
    }
    if !text.contains(part) {
        return wrong(format!("nothing is said of {part:?}"));
    }
    match text.chars().find(|c| c.is_control() && *c != '\n') {
        Some(c) => wrong(format!("the message holds {c:?}")),
        None => Ok(Ok(status)),
    }
}
