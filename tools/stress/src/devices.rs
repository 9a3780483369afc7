//! Devices that are full, and processes that may have little: every subcommand ends with a status that
//! docs/operations.md tells, none panics, and where a store is kept the next run completes the output exactly.

mod world;

use crate::child::{Limits, ended, eventflux};
use crate::failure::Failure;
use clap::Args;
use eventflux_testbed::Disk;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use world::World;

const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// How a process may end that has too little: by itself (1, 2), by an abort without memory, by the system's signal for
/// a file that becomes too large, or before it has begun, as what it is linked to found no room.
const CUT_SHORT: [i32; 6] = [1, 2, 134, 153, 126, 127];

/// Options of `devices`.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  cargo run --profile bench-dev -p eventflux-stress -- devices --finely 4")]
pub struct DevicesArgs {
    /// In how many steps between two limits a limit is tried, too
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    finely: u64,
    /// Rows of the run
    #[arg(long, default_value_t = 20_000)]
    rows: u64,
    /// The command line that is tried; the one beside this program when not given
    #[arg(long)]
    eventflux: Option<PathBuf>,
}

/// What was tried.
struct Trial {
    world: World,
    tried: u64,
    skipped: Vec<&'static str>,
    findings: Vec<String>,
}

/// Tries every device and limit; fails where a process did not end as it should.
pub fn run(args: &DevicesArgs) -> Result<(), Failure> {
    let program = eventflux(args.eventflux.as_deref())?;
    let mut trial = Trial {
        world: World::new(program, args.rows)?,
        tried: 0,
        skipped: Vec::new(),
        findings: Vec::new(),
    };
    trial.standard_files()?;
    trial.full_paths()?;
    trial.limits(args.finely)?;
    trial.small_disks()?;
    for finding in &trial.findings {
        println!("{finding}");
    }
    for skipped in &trial.skipped {
        println!("devices: not tried: {skipped}");
    }
    let findings = trial.findings.len();
    println!("devices: {} tried, {findings} findings", trial.tried);
    Failure::unless_none(findings)
}

/// The limits of processes that have enough.
const ENOUGH: Limits = Limits {
    memory_mib: 1024,
    seconds: 100,
};

impl Trial {
    /// Notes an end that is none of those allowed.
    fn judge(&mut self, what: &str, output: &Output, allowed: &[i32]) {
        self.tried += 1;
        let told = String::from_utf8_lossy(&output.stderr);
        let status = world::status(output);
        // a thread that finds no room for its stack is ended by the standard library with these words
        let no_stack = told.contains("failed to allocate an alternative stack");
        let panic = told.contains("panicked at") && !no_stack;
        let ahead = told.contains("it is not the file of that run");
        let why = if panic || status == Some(101) {
            "panic".to_string()
        } else if ahead {
            "a revision counts rows that its output does not have".to_string()
        } else if !status.is_some_and(|s| allowed.contains(&s)) {
            format!("{}, expected {allowed:?}", ended(output.status))
        } else if told.len() > MESSAGE_BYTES_MAX {
            format!("{} bytes are told", told.len())
        } else {
            return;
        };
        let told: String = told.chars().take(400).collect();
        self.findings.push(format!("{what}: {why}: {told:?}"));
    }

    /// Standard output and standard error that are full, closed, or read by nobody.
    fn standard_files(&mut self) -> Result<(), Failure> {
        let steps = self.world.steps();
        for step in &steps {
            for (name, more, full) in [
                ("standard output full", "exec >/dev/full;", true),
                ("standard error full", "exec 2>/dev/full;", false),
                ("both full", "exec >/dev/full 2>&1;", true),
                ("both closed", "exec >&- 2>&-;", false),
            ] {
                // what is lost of rows and answers is a failure, what is lost of messages is none
                let shows = full && step.shows;
                let allowed = if shows && step.status == 0 {
                    1
                } else {
                    step.status
                };
                let output = self.world.run(step, ENOUGH, more)?;
                self.judge(&format!("{}, {name}", step.name), &output, &[allowed]);
            }
            let output = self.world.unread(step, ENOUGH)?;
            self.judge(
                &format!("{}, nobody reads", step.name),
                &output,
                &[step.status],
            );
        }
        Ok(())
    }

    /// Paths that lead to a full device.
    fn full_paths(&mut self) -> Result<(), Failure> {
        for step in self.world.full_paths() {
            let output = self.world.run(&step, ENOUGH, "")?;
            self.judge(step.name, &output, &[step.status]);
        }
        Ok(())
    }

    /// The least address space in which the program begins, in KiB.
    fn least_memory(&self) -> Result<u64, Failure> {
        let (mut low, mut high) = (0, 1 << 20);
        while high - low > 64 {
            let middle = (low + high) / 2;
            let limit = format!("ulimit -v {middle};");
            let output = self.world.run(&self.world.least_step(), ENOUGH, &limit)?;
            match output.status.success() {
                true => high = middle,
                false => low = middle,
            }
        }
        Ok(high)
    }

    /// Little address space, few descriptors, small files; then a run that has enough.
    fn limits(&mut self, finely: u64) -> Result<(), Failure> {
        let least = self.least_memory()?;
        println!("devices: the program begins in {least} KiB of address space");
        let memory = finer(&[0, 512, 2048, 8192, 32768], finely);
        let memory = memory
            .iter()
            .map(|more| format!("ulimit -v {};", least + more));
        let descriptors = finer(&[0, 3, 4, 5, 6, 8, 12, 24], finely);
        let descriptors = descriptors.iter().map(|n| format!("ulimit -n {n};"));
        let sizes = finer(&[0, 1, 8, 64, 512], finely);
        let sizes = sizes.iter().map(|blocks| format!("ulimit -f {blocks};"));
        let limits: Vec<String> = memory.chain(descriptors).chain(sizes).collect();
        for limit in &limits {
            for step in self.world.steps() {
                let output = self.world.run(&step, ENOUGH, limit)?;
                let allowed = [&[step.status], &CUT_SHORT[..]].concat();
                self.judge(&format!("{}, {limit}", step.name), &output, &allowed);
            }
            self.exact(limit)?;
        }
        Ok(())
    }

    /// A run with a store under a limit, then one without: the output is whole.
    fn exact(&mut self, limit: &str) -> Result<(), Failure> {
        for step in self.world.kept_runs() {
            self.world.forget()?;
            let output = self.world.run(&step, ENOUGH, limit)?;
            let allowed = [&[0], &CUT_SHORT[..]].concat();
            let what = format!("{}, {limit}", step.name);
            self.judge(&what, &output, &allowed);
            let again = self.world.run(&step, ENOUGH, "")?;
            self.judge(&format!("{what} and then without"), &again, &[0]);
            let out = self.world.out();
            self.compare(&what, &out)?;
        }
        Ok(())
    }

    fn compare(&mut self, what: &str, out: &Path) -> Result<(), Failure> {
        if let Some(why) = self.world.difference(out)? {
            self.findings.push(format!("{what}: {why}"));
        }
        Ok(())
    }

    /// A small file system for the store, the output or the metrics: full, and then as large as it is.
    fn small_disks(&mut self) -> Result<(), Failure> {
        for kib in [16, 64, 256, 4096] {
            let Some(disk) = Disk::mount(kib << 10) else {
                self.skipped
                    .push("small disks: no right to mount a file system");
                return Ok(());
            };
            for (step, out) in self.world.runs_on(disk.path()) {
                self.world.forget()?;
                empty(disk.path())?;
                disk.fill()?;
                let output = self.world.run(&step, ENOUGH, "")?;
                self.judge(&format!("{}, full", step.name), &output, &[1, 2]);
                disk.free()?;
                let output = self.world.run(&step, ENOUGH, "")?;
                let what = format!("{}, {kib} KiB", step.name);
                self.judge(&what, &output, if kib < 4096 { &[0, 1] } else { &[0] });
                if world::status(&output) == Some(0) {
                    self.compare(&what, &out)?;
                }
            }
        }
        Ok(())
    }
}

/// Numbers, and others between each two of them.
fn finer(of: &[u64], finely: u64) -> Vec<u64> {
    let between = |p: &[u64]| {
        let (from, to) = (p[0], p[1]);
        (0..finely).map(move |i| from + (to - from) * i / finely)
    };
    let mut all: Vec<u64> = of.windows(2).flat_map(between).collect();
    all.extend(of.last());
    all.dedup();
    all
}

/// Removes what a folder holds.
fn empty(folder: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => fs::remove_dir_all(path)?,
            false => fs::remove_file(path)?,
        }
    }
    Ok(())
}
