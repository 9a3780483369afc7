//! Mutated apps: each is refused with places in its text, or runs over extreme rows; none panics, hangs or eats memory.
//!
//! They are tried in children, some thousand in each. A child tells the number of the app at hand before it tries it,
//! so of one that dies the last number is known; that app is tried alone then, and if it holds alone, all of the
//! child's are, one by one: what dies only together is a finding, too.

mod corpus;
mod extreme;
mod model;
mod mutant;
mod trial;

use crate::child::{Limits, ended, eventflux, itself};
use crate::failure::Failure;
use clap::Args;
use corpus::Corpus;
use eventflux_testbed::Scratch;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Output;
use trial::Answer;

/// Of a child with some thousand apps.
const BATCH: Limits = Limits {
    memory_mib: 1024,
    seconds: 200,
};
/// Of one app; building it, running it and starting the process.
const ALONE: Limits = Limits {
    memory_mib: 512,
    seconds: 5,
};
const BATCH_APPS: u64 = 4_000;
/// Apps of a batch that the command line checks, too.
const CHECKED_APPS: usize = 100;
const SHOWN_CHARS: usize = 4_000;
/// Findings after which no more are looked for.
const FINDINGS_MAX: usize = 20;

/// Options of `apps`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  cargo run --profile bench-dev -p eventflux-stress -- apps --count 1000000 --seed 7
  cargo run --profile bench-dev -p eventflux-stress -- apps --seed 7 --first 4711 --count 1")]
pub struct AppsArgs {
    /// How many are tried
    #[arg(long, default_value_t = 20_000)]
    count: u64,
    /// Seed of the apps and their rows
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of the first one
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Write the first one to standard output instead of trying it
    #[arg(long)]
    show: bool,
    /// The command line that checks some of them, too; the one beside this program when not given
    #[arg(long)]
    eventflux: Option<PathBuf>,
    /// Try them in this process
    #[arg(long, hide = true)]
    child: bool,
}

/// What is known of the apps that were tried.
struct Search {
    seed: u64,
    corpus: Corpus,
    /// This program, and the command line.
    itself: PathBuf,
    eventflux: PathBuf,
    folder: Scratch,
    right: u64,
    refused: u64,
    no_text: u64,
    findings: Vec<String>,
}

/// Tries apps; fails where one did not hold.
pub fn run(args: &AppsArgs) -> Result<(), Failure> {
    let corpus = Corpus::read()?;
    if args.show {
        let app = mutant::app(&corpus, args.seed, args.first);
        return Ok(io::stdout().write_all(&app)?);
    }
    if args.child {
        return in_this_process(args, &corpus);
    }
    println!("apps: seed {}", args.seed);
    let mut search = Search {
        seed: args.seed,
        corpus,
        itself: itself()?,
        eventflux: eventflux(args.eventflux.as_deref())?,
        folder: Scratch::new()?,
        right: 0,
        refused: 0,
        no_text: 0,
        findings: Vec::new(),
    };
    let end = args.first + args.count;
    let mut first = args.first;
    while first < end && search.findings.len() < FINDINGS_MAX {
        first = search.batch(first, (end - first).min(BATCH_APPS))?;
        if (first - args.first).is_multiple_of(25 * BATCH_APPS) {
            eprintln!("apps: {} of {}", first - args.first, args.count);
        }
    }
    search.told()
}

impl Search {
    /// Tries so many apps; the number of the next one.
    fn batch(&mut self, first: u64, count: u64) -> Result<u64, Failure> {
        let output = self.child(first, count, BATCH)?;
        let (last, right) = self.take(&output);
        self.by_command_line(first, &right)?;
        if output.status.success() {
            return Ok(first + count);
        }
        let last = last.unwrap_or(first);
        self.dead(first, last, &output)?;
        Ok(last + 1)
    }

    /// Runs a child that tries so many apps.
    fn child(&self, first: u64, count: u64, limits: Limits) -> Result<Output, Failure> {
        let numbers = [self.seed, first, count].map(|n| n.to_string());
        let [seed, first, count] = &numbers;
        let range = ["--seed", seed, "--first", first, "--count", count];
        limits.run(&self.itself, [&["apps", "--child"], &range[..]].concat())
    }

    /// Takes what a child told: the number of the app that it tried last, and which apps are right.
    fn take(&mut self, output: &Output) -> (Option<u64>, Vec<bool>) {
        let (mut last, mut right) = (None, Vec::new());
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("at", number) => last = number.parse().ok().or(last),
                ("right", _) => self.right += 1,
                ("refused", _) => self.refused += 1,
                ("no-text", _) => self.no_text += 1,
                ("finding", what) => self.findings.push(what.to_string()),
                _ => {}
            }
            if !line.starts_with("at ") {
                right.push(line == "right");
            }
        }
        (last, right)
    }

    /// The first apps of a batch by `eventflux check`, which must say the same of each, and end as it says.
    fn by_command_line(&mut self, first: u64, right: &[bool]) -> Result<(), Failure> {
        let right = &right[..right.len().min(CHECKED_APPS)];
        let mut words = vec![PathBuf::from("check")];
        for number in (first..).take(right.len()) {
            let path = self.folder.path().join(format!("{number}.sql"));
            fs::write(&path, mutant::app(&self.corpus, self.seed, number))?;
            words.push(path);
        }
        if right.is_empty() {
            return Ok(());
        }
        let output = BATCH.run(&self.eventflux, &words)?;
        let shown = String::from_utf8_lossy(&output.stdout);
        for (path, right) in words[1..].iter().zip(right) {
            let ok = shown.contains(&format!("{}: ok, ", path.display()));
            if ok != *right {
                let told = if ok { "ok" } else { "wrong" };
                let name = path.display();
                self.findings
                    .push(format!("eventflux check says {told} of {name}"));
            }
            fs::remove_file(path)?;
        }
        let status = if right.contains(&false) { 2 } else { 0 };
        if output.status.code() != Some(status) {
            let why = ended(output.status);
            let told = end_of(&output.stderr);
            self.findings.push(format!(
                "eventflux check of the apps from {first}: {why}, expected {status}: {told}"
            ));
        }
        Ok(())
    }

    /// A child died: finds out by which app.
    fn dead(&mut self, first: u64, last: u64, output: &Output) -> Result<(), Failure> {
        for number in std::iter::once(last).chain(first..last) {
            let output = self.child(number, 1, ALONE)?;
            if !output.status.success() {
                let app = mutant::app(&self.corpus, self.seed, number);
                let why = format!("{}: {}", ended(output.status), end_of(&output.stderr));
                self.findings.push(finding(self.seed, number, &why, &app));
                return Ok(());
            }
        }
        self.findings.push(format!(
            "apps {first} to {last} of seed {} hold one by one, not together: {}: {}",
            self.seed,
            ended(output.status),
            end_of(&output.stderr)
        ));
        Ok(())
    }

    /// Tells the findings and figures.
    fn told(&self) -> Result<(), Failure> {
        for finding in &self.findings {
            println!("{finding}");
        }
        let (right, refused, no_text) = (self.right, self.refused, self.no_text);
        let (findings, seed) = (self.findings.len(), self.seed);
        println!(
            "apps: {} tried, {right} right and run, {refused} refused, {no_text} not UTF-8, {findings} findings, \
             seed {seed}",
            right + refused + no_text + findings as u64,
        );
        Failure::unless_none(findings)
    }
}

/// The last words of a process.
fn end_of(told: &[u8]) -> String {
    let told = String::from_utf8_lossy(told);
    let chars: Vec<char> = told.trim().chars().collect();
    chars[chars.len().saturating_sub(500)..].iter().collect()
}

fn finding(seed: u64, number: u64, why: &str, app: &[u8]) -> String {
    let app = String::from_utf8_lossy(app);
    let shown: String = app.chars().take(SHOWN_CHARS).collect();
    format!("--seed {seed} --first {number} --count 1: {why}: {shown:?}").replace('\n', " ")
}

fn in_this_process(args: &AppsArgs, corpus: &Corpus) -> Result<(), Failure> {
    let mut out = io::stdout();
    for number in args.first..args.first + args.count {
        let app = mutant::app(corpus, args.seed, number);
        // one write each, so that a process that dies has told its last number
        out.write_all(format!("at {number}\n").as_bytes())?;
        out.flush()?;
        let mut random = crate::case(args.seed ^ 0x5eed, number);
        let told = match trial::trial(&app, &mut random) {
            Ok(Answer::Right) => "right".to_string(),
            Ok(Answer::Refused) => "refused".to_string(),
            Ok(Answer::NoText) => "no-text".to_string(),
            Err(why) => format!("finding {}", finding(args.seed, number, &why, &app)),
        };
        out.write_all(format!("{told}\n").as_bytes())?;
    }
    Ok(())
}
