//! Every script case and every acceptance case with crashes: the same rows must come out.
//!
//! For every line of a case: a checkpoint behind it, then a crash there or some lines later; besides, a checkpoint
//! behind every line, with crashes between, and restores of the app as it runs, to the last revision and to the oldest
//! that is kept, and a store that fails now and then. Each life runs on another number of workers and with other
//! batches. Where a case has more lines than [`LINES_MAX`], lines are drawn; the seed is part of the name of a
//! failure, and `SEED=n` draws others.

use crate::app::{Outputs, Setup, Step};
use crate::life::{Fate, World};
use crate::script::{Case, cases, difference};
use crate::source::{files, relative};
use eventflux::EventFluxManager;
use eventflux_kit::{Random, from_env};
use std::collections::BTreeMap;
use std::fs;

/// Lines of one case behind which there is a checkpoint and a crash; `LINES=n` tries more of them.
const LINES_MAX: u64 = 2;

/// How many lines of one case are tried.
pub fn lines_max() -> usize {
    from_env("LINES", LINES_MAX) as usize
}

/// The seed of this run.
pub fn seed() -> u64 {
    from_env("SEED", 1)
}

/// Worker numbers and batches of successive lives.
fn setups(draw: &mut Random) -> Vec<Setup> {
    let first = draw.below(4);
    let setup = |k: usize| Setup {
        workers: (first + k) % 4,
        batch_rows_max: [256, 1, 7][(first + k) % 3],
        rows_singly_max: [usize::MAX, 2, 0][(first + k) % 3],
        ..Setup::INLINE
    };
    (0..4).map(setup).collect()
}

/// What happens in each run of a case of so many steps.
fn plans(steps: usize, lines_max: usize, draw: &mut Random) -> Vec<Vec<(usize, Fate)>> {
    let mut lines: Vec<usize> = (1..=steps).collect();
    while lines.len() > lines_max {
        lines.remove(draw.below(lines.len()));
    }
    let mut plans = Vec::new();
    for line in &lines {
        let later = line + draw.below(steps - line + 1);
        plans.push(vec![(*line, Fate::Persist), (*line, Fate::Crash)]);
        if later > *line {
            plans.push(vec![(*line, Fate::PersistAtOnce), (later, Fate::Crash)]);
        }
    }
    // Deltas upon deltas, of one life and of several.
    let crash = 1 + draw.below(steps.max(1));
    let mut one: Vec<_> = (1..=crash).map(|line| (line, Fate::Persist)).collect();
    one.push((crash, Fate::Crash));
    plans.push(one);
    let mut several = Vec::new();
    let ends = [Fate::Crash, Fate::CrashFar, Fate::Rewind, Fate::RewindFar];
    for line in 1..=steps {
        let persist = [Fate::PersistAtOnce, Fate::PersistFails][draw.below(4) / 3];
        several.push((line, persist));
        if draw.below(steps) < lines_max {
            several.push((line, ends[draw.below(4)]));
        }
    }
    plans.push(several);
    plans
}

/// The first way in which a timeline with crashes differs.
pub fn failure(
    name: &str,
    app: &str,
    steps: &[Step],
    differs: &dyn Fn(&Outputs, Setup) -> Option<String>,
) -> Option<String> {
    failure_with(name, app, steps, &EventFluxManager::new, differs)
}

/// As [`failure`], with functions of the caller's.
pub fn failure_with(
    name: &str,
    app: &str,
    steps: &[Step],
    manager: &dyn Fn() -> EventFluxManager,
    differs: &dyn Fn(&Outputs, Setup) -> Option<String>,
) -> Option<String> {
    let mut draw = Random::named(seed(), name);
    plans(steps.len(), lines_max(), &mut draw)
        .into_iter()
        .find_map(|fates| {
            let setups = setups(&mut draw);
            let world = World {
                numbered: draw.below(2) == 0,
                manager,
                app,
                steps,
                setups: &setups,
            };
            let differs = |fates: &[Fated]| differs_with(&world, fates, differs);
            let first = differs(&fates)?;
            let (fates, why) = fewer(fates, first, &differs);
            let workers: Vec<usize> = setups.iter().map(|s| s.workers).collect();
            Some(format!(
                "SEED={}: {name}: {fates:?} on {workers:?}, numbered {}: {why}",
                seed(),
                world.numbered
            ))
        })
}

type Fated = (usize, Fate);

fn differs_with(
    world: &World<'_>,
    fates: &[Fated],
    differs: &dyn Fn(&Outputs, Setup) -> Option<String>,
) -> Option<String> {
    let crash = |(_, fate): &&Fated| matches!(fate, Fate::Crash | Fate::CrashFar);
    let lives = 1 + fates.iter().filter(crash).count();
    let widest = world.setups.iter().take(lives).max_by_key(|s| s.workers);
    match world.run(fates) {
        Ok(outputs) => differs(&outputs, *widest?),
        Err(error) => Some(error),
    }
}

/// Fewer fates with which it still fails, and how; with several workers a failure may not come each time.
fn fewer(
    mut fates: Vec<Fated>,
    first: String,
    differs: &dyn Fn(&[Fated]) -> Option<String>,
) -> (Vec<Fated>, String) {
    let mut why = format!("{first} (with fewer it does not fail again)");
    let mut place = 0;
    while place < fates.len() {
        let mut less = fates.clone();
        less.remove(place);
        match (0..3).find_map(|_| differs(&less)) {
            Some(again) => (fates, why) = (less, again),
            None => place += 1,
        }
    }
    (fates, why)
}

pub fn case_failure(file: &str, case: &Case) -> Option<String> {
    let name = format!("{file}: {}", case.name);
    let differs = |outputs: &Outputs, setup: Setup| difference(case, outputs, setup);
    failure(&name, &case.app, &case.steps, &differs)
}

/// The cases of all script files, by file.
pub fn all_cases() -> BTreeMap<String, Vec<Case>> {
    let read = |path: &std::path::PathBuf| {
        let name = relative(path);
        let text = fs::read_to_string(path).expect("scripts are UTF-8");
        let cases = cases(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        (name, cases)
    };
    files("tests/it/script", "evt").iter().map(read).collect()
}

/// Runs the scripts whose place among all of them leaves this remainder: two tests, for two cores.
fn check(remainder: usize) {
    let (mut failures, mut count) = (Vec::new(), 0);
    let all = all_cases();
    let all = all
        .iter()
        .flat_map(|(file, cases)| cases.iter().map(move |case| (file, case)));
    for (_, (file, case)) in all.enumerate().filter(|(i, _)| i % 2 == remainder) {
        count += 1;
        failures.extend(case_failure(file, case));
    }
    let shown: Vec<&str> = failures.iter().take(12).map(String::as_str).collect();
    let number = failures.len();
    assert!(
        failures.is_empty(),
        "{number} of {count} cases:\n{}",
        shown.join("\n\n")
    );
}

#[test]
fn scripts_survive_crashes_even() {
    check(0);
}

#[test]
fn scripts_survive_crashes_odd() {
    check(1);
}
