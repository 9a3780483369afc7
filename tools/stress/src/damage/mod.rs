//! One file or key of a store is damaged, and everything is asked of it: each answer is that of the whole store, or an
//! error that says why not.
//!
//! Asked are: `verify`; a restore of each revision by its name, of the last one, and of the last one that can be; an
//! export of each; a run that goes on, with checkpoints; a new history. What comes out behind a restore is compared
//! with what comes out of an app that nothing happened to. And the answers are compared with each other: what `verify`
//! calls sound can be restored, what it does not cannot.

mod app;
mod bytes;
mod files;
mod keys;
mod trial;

use crate::failure::Failure;
use app::{NAME, Truth, fill};
use clap::{Args, ValueEnum};
use eventflux::store::PersistenceStore;
use eventflux_kit::Random;
use files::InFiles;
use keys::InRedis;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use trial::{Counts, Trial};

/// What a process that reads damaged state may take, in megabytes.
const MEMORY_MAX: u64 = 400;
const PROGRESS: u64 = 500;
/// So many findings are told before it ends.
const FINDINGS_MAX: usize = 10;

/// Options of `damage`.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  cargo run --release -p eventflux-stress -- damage --store redis --count 5000 --seed 7
  cargo run --release -p eventflux-stress -- damage --store file --first 4711 --count 1 --seed 7")]
pub struct DamageArgs {
    /// Where the state is
    #[arg(long, value_enum, default_value_t = Kind::File)]
    store: Kind,
    /// How many damages are tried, each on the whole store
    #[arg(long, default_value_t = 40)]
    count: u64,
    /// Number of the first one
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Seed of the rows and of the damages
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Kinds of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A folder
    File,
    /// A server of its own
    Redis,
}

/// Where a store is, so that what it holds can be damaged.
trait Medium {
    /// A new handle on it, as another process has.
    fn store(&self) -> Result<Arc<dyn PersistenceStore>, Failure>;

    /// What is there now is whole.
    fn keep(&mut self) -> Result<(), Failure>;

    /// Makes it whole, then damages it; says how.
    fn damage(&mut self, random: &mut Random) -> Result<String, Failure>;

    /// Brings it to where `damage` left it.
    fn again(&mut self) -> Result<(), Failure>;

    /// Whether there can be writing whatever is damaged: a new history at least.
    fn can_be_written(&self) -> bool;

    /// What was there and is not where the store says that it set it aside.
    fn lost(&self, aside: &str) -> Result<Vec<String>, Failure>;
}

/// Tries damages, and tells what does not hold.
pub fn run(args: &DamageArgs) -> Result<(), Failure> {
    let DamageArgs {
        store: kind,
        count,
        first,
        seed,
    } = *args;
    println!("damage: {kind:?}, seed {seed}");
    let mut medium: Box<dyn Medium> = match kind {
        Kind::File => Box::new(InFiles::new()?),
        Kind::Redis => Box::new(InRedis::new()?),
    };
    let truth = Truth::new(seed)?;
    let revisions = fill(&medium.store()?, seed)?;
    medium.keep()?;
    let whole = medium.store()?.catalogue(NAME)?;
    let (mut counts, mut findings) = (Counts::default(), 0);
    for number in first..first + count {
        let mut random = Random::new(seed << 32 ^ number);
        let told = medium.damage(&mut random)?;
        let mut trial = Trial {
            medium: &mut *medium,
            truth: &truth,
            revisions: &revisions,
            whole: &whole,
            seed,
            counts: &mut counts,
        };
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| trial.run()));
        let outcome = outcome.unwrap_or_else(|_| Err(Failure::new("it panicked")));
        if let Err(failure) = outcome {
            findings += 1;
            eprintln!("finding: damage {number} of seed {seed}, {told}: {failure}");
            if findings == FINDINGS_MAX {
                break;
            }
        }
        if number % PROGRESS == 0 {
            eprintln!("{number}: {counts}");
        }
    }
    let memory = peak()?;
    if memory > MEMORY_MAX {
        return Err(Failure::new(format!(
            "the process took {memory} MB, more than {MEMORY_MAX}"
        )));
    }
    println!(
        "damage: {count} tried on {kind:?}, {counts}, {findings} findings, at most {memory} MB, seed {seed}"
    );
    Failure::unless_none(findings)
}

/// The most memory that this process has had, in megabytes.
fn peak() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|l| l.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    let kilobytes = kilobytes.ok_or_else(|| Failure::new("/proc/self/status tells no VmHWM"))?;
    Ok(kilobytes / 1024)
}
