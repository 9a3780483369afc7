//! Model test: random apps over random input, the engine against a naive interpreter.
//!
//! `CASES` (800) cases of `SEED` (1), from number `FIRST` (0); at most `REPORTS` (3) failures are made smaller and
//! shown. Every case runs inline with several batch sizes and ways of sending, every fourth on two workers too, every
//! fourth with checkpoints and crashes over several numbers of workers. A failure prints a smaller case as SQL and an
//! events file.
//!
//! `PATTERNS` (500) cases with patterns and sequences are run in the same ways.
//!
//! `PARTITIONS` (500) cases with a partition are run in the same ways; the interpreter runs the app once for each key.
//!
//! `MANY` (150) cases with many queries over one stream, which ask its key for constants, are run in the same ways.
//!
//! What apps may have beyond queries of one stream stands in `generate/features.rs`. `LAWS` (1000) cases with all of it
//! are run by the interpreter alone, which compares each join with the SQL join of what its sides hold.

mod app;
#[cfg(test)]
mod cases;
#[path = "../common/coded.rs"]
mod coded;
mod compare;
mod engine;
mod expr;
mod generate;
mod input;
mod lives;
mod oracle;
mod shrink;

use app::App;
use compare::Order;
use engine::Run;
use eventflux_kit::{Random, from_env};
use generate::features::{self, Feature};
use input::Call;
use lives::Fates;
use oracle::{Fault, Output};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A case from its number alone. Half of them, four and four in turn, have what `features::BUILT` switches on.
fn case(seed: u64, number: u64) -> (App, Vec<Call>) {
    let features = features::built();
    let relational = !features.is_empty() && number / 4 % 2 == 1;
    case_of(seed, number, if relational { &features } else { &[] })
}

/// A case with some of these features, if there are any.
fn case_of(seed: u64, number: u64, features: &[Feature]) -> (App, Vec<Call>) {
    let mut r = Random::new(seed.wrapping_mul(0x9E37_79B9).wrapping_add(number));
    let app = match features.is_empty() {
        true => generate::app(&mut r),
        false => features::app(&mut r, features),
    };
    let calls = input::calls(&mut r, &app);
    (app, calls)
}

/// A case with patterns.
fn pattern_case(seed: u64, number: u64) -> (App, Vec<Call>) {
    let mut r = Random::new(seed.wrapping_mul(0xC2B2_AE35).wrapping_add(number));
    let app = generate::pattern::app(&mut r);
    let calls = input::calls(&mut r, &app);
    (app, calls)
}

/// A case with a partition.
fn partition_case(seed: u64, number: u64) -> (App, Vec<Call>) {
    let mut r = Random::new(seed.wrapping_mul(0x85EB_CA6B).wrapping_add(number));
    let app = generate::partition::app(&mut r);
    let calls = input::calls(&mut r, &app);
    (app, calls)
}

/// A case with many queries over one stream.
fn many_case(seed: u64, number: u64) -> (App, Vec<Call>) {
    let mut r = Random::new(seed.wrapping_mul(0x27D4_EB2F).wrapping_add(number));
    let app = generate::many::app(&mut r);
    let calls = input::calls(&mut r, &app);
    (app, calls)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The app or its input was refused.
    Refused,
    Panic,
    Rows,
}

/// What is wrong with a case.
struct Wrong {
    kind: Kind,
    text: String,
}

/// How a case is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Several times, inline.
    Inline,
    Pinned,
    /// With checkpoints and crashes drawn from this seed.
    Crashes(u64),
}

/// What is wrong with a case; `None` when the engine agrees with the oracle.
fn check(app: &App, calls: &[Call], way: Way, fault: Fault) -> Option<Wrong> {
    let expected = oracle::run(app, calls, fault);
    // What the first run made, in its order: the order between keys is that of the rows, however they come.
    let first = RefCell::new(None);
    let judge =
        |run: &dyn Fn() -> Result<Vec<Option<Vec<Output>>>, String>, order, what: String| {
            let (kind, text) = match catch_unwind(AssertUnwindSafe(run)) {
                Err(_) => (Kind::Panic, "panic".to_string()),
                Ok(Err(error)) => (Kind::Refused, error),
                Ok(Ok(got)) => {
                    let mut difference = compare::compare(app, &expected, &got, order);
                    if difference.is_none() && order == Order::Exact && app.partition.is_some() {
                        let first = &mut *first.borrow_mut();
                        let first = first.get_or_insert_with(|| got.clone());
                        difference = compare::compare_runs(app, first, &got);
                    }
                    (Kind::Rows, difference?.to_string())
                }
            };
            Some(Wrong {
                kind,
                text: format!("{what}: {text}"),
            })
        };
    let run = |calls: &[Call], pinned, (batch_rows_max, rows_singly_max), watch_all| {
        let run = Run {
            pinned,
            batch_rows_max,
            rows_singly_max,
            watch_all,
            named: batch_rows_max == 7,
            coded: batch_rows_max != 1 && calls.len().is_multiple_of(2),
        };
        let order = if pinned { Order::PerKey } else { Order::Exact };
        judge(&|| engine::run(app, calls, run), order, format!("{run:?}"))
    };
    let sends = app.uses_sends();
    match way {
        Way::Pinned => run(calls, true, (7, usize::MAX), true),
        Way::Crashes(seed) => Fates::draw(seed, calls.len()).iter().find_map(|fates| {
            let order = if fates.is_ordered() {
                Order::Exact
            } else {
                Order::PerKey
            };
            judge(
                &|| lives::run(app, calls, fates),
                order,
                format!("{fates:?}"),
            )
        }),
        Way::Inline => {
            let other = if sends {
                calls.to_vec()
            } else {
                input::grouped(calls)
            };
            let single = if sends {
                calls.to_vec()
            } else {
                input::one_by_one(calls)
            };
            run(calls, false, (256, 0), true)
                .or_else(|| run(&single, false, (1, 2), true))
                .or_else(|| run(&other, false, (7, usize::MAX), false))
        }
    }
}

/// A failing case, made smaller, as text.
fn report((app, calls): (App, Vec<Call>), head: String, way: Way, wrong: Wrong) -> String {
    let (app, calls) = shrink::shrink(app, calls, &mut |app, calls| {
        check(app, calls, way, Fault::None).is_some_and(|w| w.kind == wrong.kind)
    });
    let again = check(&app, &calls, way, Fault::None);
    let text = again.map_or_else(
        || format!("does not fail again: {}", wrong.text),
        |w| w.text,
    );
    let events = input::events_file(&app, &calls);
    format!("{head}\n--- app\n{app}--- events\n{events}--- {text}\n")
}

/// Cases of numbers in a row, each in several ways; how many stands in this variable of the environment.
fn agree(make: fn(u64, u64) -> (App, Vec<Call>), (name, cases): (&str, u64)) {
    let (seed, cases) = (from_env("SEED", 1), from_env(name, cases));
    let first = from_env("FIRST", 0);
    let reports_max = from_env("REPORTS", 3) as usize;
    let mut reports = Vec::new();
    for number in first..first + cases {
        let (app, calls) = make(seed, number);
        let mut ways = vec![Way::Inline];
        // Workers take rows of several inputs in any order, which shows where rows go by arrival.
        let bounded = app.partition.as_ref().is_some_and(|p| p.keys_max.is_some());
        // Each worker has a bound of its own.
        let one = app.inputs == 1 && !bounded && !app.ends_sends_apart();
        ways.extend((one && number % 4 == 0).then_some(Way::Pinned));
        ways.extend((one && number % 4 == 1).then_some(Way::Crashes(number)));
        for way in ways {
            if let Some(wrong) = check(&app, &calls, way, Fault::None) {
                let head = format!("SEED={seed} FIRST={number} {name}=1");
                reports.push(report((app.clone(), calls.clone()), head, way, wrong));
            }
        }
        if reports.len() >= reports_max {
            break;
        }
    }
    assert!(
        reports.is_empty(),
        "{} cases differ\n{}",
        reports.len(),
        reports.join("\n")
    );
}

#[test]
fn engine_agrees_with_the_oracle() {
    agree(case, ("CASES", 800));
}

#[test]
fn random_patterns_agree_with_the_oracle() {
    agree(pattern_case, ("PATTERNS", 500));
}

#[test]
fn random_partitions_agree_with_the_oracle() {
    agree(partition_case, ("PARTITIONS", 500));
}

#[test]
fn many_random_queries_agree_with_the_oracle() {
    agree(many_case, ("MANY", 150));
}

/// The interpreter alone: what random patterns make of random rows says something.
#[test]
fn random_patterns_match_often() {
    let (mut rows, mut empty) = (0, 0);
    for number in 0..400 {
        let (app, calls) = pattern_case(1, number);
        let outputs = oracle::run(&app, &calls, Fault::None);
        let made: usize = outputs.iter().map(Vec::len).sum();
        rows += made;
        empty += u64::from(made == 0);
    }
    assert!(
        rows > 2000 && empty < 150,
        "{rows} rows, {empty} cases without"
    );
}

#[test]
fn a_wrong_oracle_is_caught() {
    for fault in [
        Fault::LengthKeepsOneMore,
        Fault::SumIgnoresRetraction,
        Fault::RowsEnterByArrival,
        Fault::BehindTheClockIsLate,
        Fault::ClosesBelongToTheNext,
        Fault::ClockOfTheFastest,
        Fault::SampleIsPopulation,
    ] {
        let caught = (0..600).any(|number| {
            let (app, calls) = case(1, number);
            check(&app, &calls, Way::Inline, Fault::None).is_none()
                && check(&app, &calls, Way::Inline, fault).is_some()
        });
        assert!(caught, "{fault:?} was not caught");
    }
}

/// The interpreter alone, on apps with everything: it compares each join with the SQL join of what its sides hold.
#[test]
fn random_joins_obey_their_law() {
    let all: Vec<Feature> = features::BUILT.iter().map(|(f, _)| *f).collect();
    let (mut rows, mut empty) = (0, 0);
    let law = |app: &App, calls: &[Call]| {
        let run = || oracle::run(app, calls, Fault::None);
        catch_unwind(AssertUnwindSafe(run)).ok()
    };
    let (first, cases) = (from_env("FIRST", 0), from_env("LAWS", 1000));
    for number in first..first + cases {
        let (app, calls) = case_of(1, number, &all);
        let Some(outputs) = law(&app, &calls) else {
            let broken = &mut |app: &App, calls: &[Call]| law(app, calls).is_none();
            let (app, calls) = shrink::shrink(app, calls, broken);
            let events = input::events_file(&app, &calls);
            panic!("FIRST={number} LAWS=1\n--- app\n{app}--- events\n{events}");
        };
        let made: usize = outputs.iter().map(Vec::len).sum();
        rows += made;
        empty += u64::from(made == 0);
    }
    let telling = rows as u64 > 20 * cases && empty * 4 < cases;
    assert!(
        telling || cases < 1000,
        "{rows} rows, {empty} cases without"
    );
}

#[test]
fn a_join_without_its_pads_breaks_the_law() {
    let all: Vec<Feature> = features::BUILT.iter().map(|(f, _)| *f).collect();
    let breaks = |number| {
        let (app, calls) = case_of(1, number, &all);
        let run = || oracle::run(&app, &calls, Fault::NoPadComesBack);
        catch_unwind(AssertUnwindSafe(run)).is_err()
    };
    assert!((0..300).any(breaks));
}

#[test]
fn a_seed_makes_the_same_case() {
    let text = |n| {
        let (app, calls) = case(7, n);
        app.to_string() + &input::events_file(&app, &calls)
    };
    assert_eq!(text(3), text(3));
    assert_ne!(text(3), text(4));
}
