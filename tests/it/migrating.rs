//! `docs/migrating.md`: what it shows of ours is built and run, what it shows of theirs is refused with what it says.
//!
//! `docs.rs` runs the blocks with rows. Here: blocks ```` ```sql build ```` are built, blocks ```` ```siddhi ```` are
//! refused with a remedy for each fault, and each line of a table has its case or is tried itself.

use crate::docs::examples::blocks;
use crate::script::cases;
use crate::source::root;
use eventflux::core::persistence::InMemoryPersistenceStore;
use eventflux::{EventFluxManager, Input, RuntimeConfig, Timestamp, Value, Workers};
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

/// What texts of the tables read.
const STREAMS: &str = "CREATE STREAM A (v INT, k STRING); CREATE STREAM B (v INT, k STRING);
    CREATE STREAM S (v INT, k STRING, ts LONG); CREATE TABLE T (v INT);\n";

fn page() -> String {
    read("docs/migrating.md")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The cells of the lines of tables under a heading, with those of the head.
fn lines(page: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, section) = page
        .split_once(&format!("\n## {heading}\n"))
        .expect(heading);
    let section = section.split("\n## ").next().unwrap_or(section);
    let cells = |line: &str| {
        let line = line
            .strip_prefix("| ")?
            .strip_suffix('|')?
            .replace("\\|", "\u{0}");
        let cells = line.split('|').map(|c| c.trim().replace('\u{0}', "|"));
        Some(cells.collect())
    };
    section.lines().filter_map(cells).collect()
}

/// Texts in backticks: those of the first two cells of each line.
fn pairs(page: &str, heading: &str, head: &str) -> Vec<(String, String)> {
    let bare = |cell: &String| cell.trim_matches('`').to_string();
    let mut pairs = Vec::new();
    let mut inside = false;
    for line in lines(page, heading) {
        if line[0].starts_with('`') && inside {
            pairs.push((bare(&line[0]), bare(&line[1])));
        } else {
            inside = line[0] == head;
        }
    }
    pairs
}

fn manager() -> EventFluxManager {
    EventFluxManager::new()
}

fn inline() -> RuntimeConfig {
    RuntimeConfig::default().workers(Workers::Inline)
}

/// The remedies of the faults of an app; none if it is right.
fn remedies(app: &str) -> Result<Vec<String>, String> {
    let Err(error) = manager().create_with(app, inline()) else {
        return Err(format!("it builds: {app}"));
    };
    let remedy = |p: &eventflux::Problem| p.remedy.clone().unwrap_or_else(|| p.message.clone());
    Ok(error.problems().iter().map(remedy).collect())
}

fn none(failures: Vec<String>) {
    let number = failures.len();
    assert!(number == 0, "{number}:\n{}", failures.join("\n\n"));
}

/// What is wrong where a text is not refused with this remedy.
fn unlike(app: &str, part: &str) -> Option<String> {
    match remedies(app) {
        Ok(told) if told.iter().any(|t| t.contains(part)) => None,
        Ok(told) => Some(format!("{app}\n'{part}' is not in {told:#?}")),
        Err(why) => Some(why),
    }
}

#[test]
fn what_is_shown_of_ours_builds() {
    let page = page();
    let blocks = blocks(&page);
    let built: Vec<_> = blocks.iter().filter(|b| b.word == "sql build").collect();
    assert!(!built.is_empty());
    for block in built {
        let app = manager()
            .create_with(&page[block.text.clone()], inline())
            .map(drop);
        assert!(app.is_ok(), "{}: {app:?}", block.line);
    }
}

#[test]
fn what_is_shown_of_siddhi_is_refused_with_remedies() {
    let page = page();
    let mut failures = Vec::new();
    let blocks = blocks(&page);
    let theirs: Vec<_> = blocks.iter().filter(|b| b.word == "siddhi").collect();
    assert!(theirs.len() >= 15, "{}", theirs.len());
    for block in theirs {
        let Err(error) = manager().create_with(&page[block.text.clone()], inline()) else {
            failures.push(format!("line {} builds", block.line));
            continue;
        };
        // one fault for each statement and annotation, and no other
        let words = ["define ", "from ", "@"];
        let starts = |line: &&str| words.iter().any(|w| line.trim_start().starts_with(w));
        let known = |line: &&str| line.starts_with("@info");
        let wanted = page[block.text.clone()]
            .lines()
            .filter(starts)
            .filter(|l| !known(l))
            .count();
        let problems = error.problems();
        let bare = problems.iter().filter(|p| p.remedy.is_none()).count();
        if bare > 0 || problems.len() != wanted {
            failures.push(format!("line {}, {wanted} wanted:\n{error}", block.line));
        }
    }
    none(failures);
}

#[test]
fn windows_and_patterns_are_those_that_the_page_says() {
    let page = page();
    let mut failures = Vec::new();
    let mut count = 0;
    let ours = |from: &str| format!("{STREAMS}INSERT INTO Out SELECT 1 AS x FROM {from};");
    let builds = |app: String| {
        let built = manager().create_with(&app, inline());
        built.err().map(|e| format!("{app}\n{e}"))
    };
    for (theirs, here) in pairs(&page, "Windows", "Siddhi") {
        count += 1;
        failures.extend(unlike(
            &ours(&format!("S{theirs}")),
            &format!("write {here}"),
        ));
        failures.extend(builds(ours(&format!("S {here}"))));
    }
    for heading in ["Patterns", "Sequences"] {
        let word = heading.trim_end_matches('s').to_ascii_uppercase();
        for (theirs, here) in pairs(&page, heading, "Siddhi") {
            count += 1;
            let app = format!("{STREAMS}from {theirs} select 1 as x insert into Out;");
            failures.extend(unlike(&app, &format!("{word} (")));
            failures.extend(builds(ours(&here)));
        }
    }
    assert!(count >= 30, "{count}");
    none(failures);
}

#[test]
fn annotations_and_what_is_refused_are_answered_as_the_page_says() {
    let page = page();
    let statement = "CREATE STREAM U (a INT);";
    let mut failures = Vec::new();
    let annotations = pairs(&page, "Annotations", "Siddhi, EventFlux");
    for (theirs, here) in &annotations {
        failures.extend(unlike(&format!("{theirs} {statement}"), here));
    }
    let texts = pairs(&page, "What is refused", "theirs");
    let of_eventflux = pairs(&page, "From EventFlux", "EventFlux");
    let dialect = of_eventflux
        .iter()
        .filter(|(theirs, _)| !theirs.contains(['&', '_']));
    for (theirs, here) in texts.iter().chain(dialect) {
        failures.extend(unlike(&format!("{STREAMS}{theirs};"), here));
    }
    assert!(
        annotations.len() >= 25 && texts.len() >= 15,
        "{}",
        texts.len()
    );
    none(failures);
}

#[test]
fn every_kind_of_statement_has_a_section_that_is_run() {
    let page = page();
    let kinds = lines(&page, "What is the same");
    let mut sections = BTreeSet::new();
    for line in kinds.iter().skip(1).filter(|l| l.len() == 2) {
        let link = line[1]
            .split_once("](#")
            .and_then(|(_, l)| l.split_once(')'));
        let (anchor, _) = link.unwrap_or_else(|| panic!("no section: {line:?}"));
        sections.insert(anchor.to_string());
    }
    assert!(sections.len() >= 14, "{sections:?}");
    for anchor in sections {
        let headings = page.split("\n## ").skip(1);
        let of = |s: &&str| {
            s.lines()
                .next()
                .is_some_and(|h| h.to_lowercase().replace(' ', "-") == anchor)
        };
        let section = headings
            .clone()
            .find(of)
            .unwrap_or_else(|| panic!("no section #{anchor}"));
        assert!(
            section.contains("```siddhi") || anchor == "windows",
            "theirs is not in #{anchor}"
        );
        let run = section.contains("```output") || section.contains("```sql build");
        assert!(run, "ours is not run in #{anchor}");
    }
}

#[test]
fn every_difference_has_its_case() {
    let first = |text: &str| text.split(' ').next().unwrap_or_default().to_string();
    let told = lines(&page(), "What differs on purpose");
    let told: Vec<String> = told
        .iter()
        .map(|l| l[0].clone())
        .filter(|n| n.starts_with('D'))
        .collect();
    let cases = cases(&read("tests/it/script/migrating.evt")).expect("cases can be read");
    let cases: Vec<String> = cases.iter().map(|c| first(&c.name)).collect();
    assert!(told.len() >= 20, "{}", told.len());
    assert_eq!(told, cases, "the page, and the cases in the same order");
}

#[test]
fn the_calls_of_the_library_are_there() {
    let app = "@app:name('calls') @app:playback
        CREATE STREAM S (k STRING, v INT);
        CREATE TABLE T (k STRING PRIMARY KEY, v INT);
        UPSERT INTO T SELECT k, v FROM S ON T.k = S.k;
        INSERT INTO Out SELECT v FROM S;";
    let mut manager = manager();
    manager.set_persistence_store(Arc::new(InMemoryPersistenceStore::new()));
    let runtime = manager
        .create_with(app, inline())
        .expect("the app is right");
    let out = runtime.subscribe("Out").expect("it is written");
    runtime.start().expect("inline");
    let mut input = runtime.input().expect("it runs");
    let send = |input: &mut Input, at: i64, k: &str, v: i32| {
        let at = Timestamp::from_millis(at);
        input.send_at("S", at, (k, v)).expect("it runs");
    };
    let asked = || {
        let answer = runtime
            .query("SELECT v FROM T WHERE k = 'a'")
            .expect("T is there");
        answer.rows().map(|r| r[0].clone()).collect::<Vec<_>>()
    };
    send(&mut input, 1, "a", 1);
    let revision = runtime.persist().expect("there is a store");
    let bytes = runtime.snapshot().expect("it runs");
    send(&mut input, 2, "a", 5);
    assert_eq!(asked(), [Value::Int(5)]);
    drop(out);
    let theirs = runtime
        .query("from T on k == 'a' select v")
        .expect_err("SELECT comes first");
    assert!(
        theirs.to_string().contains("write SELECT … FROM T WHERE …"),
        "{theirs}"
    );
    drop(input);
    runtime.restore_revision(&revision).expect("it is there");
    assert_eq!(asked(), [Value::Int(1)]);
    runtime.restore(&bytes).expect("it is this app's");
    runtime.restore_last_revision().expect("it is there");
    runtime.clear_all_revisions().expect("there is a store");
    runtime.shutdown().expect("no operator panicked");
}
