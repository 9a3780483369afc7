//! The examples that a reader meets first: those of the pages in `docs/` and of `README.md`, and of the folder
//! `examples/`. The commands of `docs/tutorial.md` and `docs/shell.md` are run by `tools/cli/tests/tutorial.rs`, the
//! apps of `examples/` by `tools/cli/tests/apps.rs`.
//!
//! `eventflux test docs/language.md` does the same, shows the differences, and writes them with `--update`.

use crate::source::root;
use std::collections::BTreeSet;
use std::fs;

#[path = "../../examples/aggregate.rs"]
mod aggregate;
#[path = "../../examples/candles.rs"]
mod candles;
#[path = "../../examples/embed.rs"]
mod embed;
#[path = "../../examples/enriched.rs"]
mod enriched;
#[path = "../../examples/fraud.rs"]
mod fraud;
#[path = "../../examples/subscriber.rs"]
mod subscriber;
#[path = "../../examples/typed_rows.rs"]
mod typed_rows;

/// The examples of pages, as `eventflux test` runs them.
#[allow(dead_code, reason = "the command shows where blocks stand, too")]
#[path = "../../tools/cli/src/examples.rs"]
pub mod examples;
use examples::output;

/// Runs the examples of a page; how many there were.
fn check(path: &str) -> usize {
    let page = fs::read_to_string(root().join(path)).expect("the page exists");
    let given = examples::run(&page).unwrap_or_else(|line| {
        panic!("{path}:{line}: no events and output, and no error");
    });
    let mut failures = Vec::new();
    for one in &given {
        match &one.got {
            Ok(got) if !one.missing && *got == page[one.place.clone()] => {}
            Ok(got) => failures.push(format!("{path}:{}: it gives\n{got}", one.line)),
            Err(why) => failures.push(format!("{path}:{}: {why}", one.line)),
        }
    }
    assert!(
        failures.is_empty(),
        "{} examples:\n{}",
        failures.len(),
        failures.join("\n\n")
    );
    given.len()
}

#[test]
fn every_example_of_the_language_page_gives_what_it_says() {
    assert!(check("docs/language.md") >= 30);
}

#[test]
fn the_examples_of_coming_from_give_what_they_say() {
    assert!(check("docs/coming-from.md") >= 2);
}

#[test]
fn the_examples_of_migrating_give_what_they_say() {
    assert!(check("docs/migrating.md") >= 16);
}

#[test]
fn the_recipes_and_the_tutorial_give_what_they_say() {
    assert_eq!(check("docs/recipes.md"), 14);
    assert_eq!(check("docs/tutorial.md"), 1);
    assert_eq!(check("docs/connectors.md"), 1);
}

/// Where pages point to: files, and headings of pages by the names that GitHub gives them.
#[test]
fn links_lead_somewhere() {
    let mut wrong = Vec::new();
    let pages = crate::source::files("docs", "md");
    let pages = pages.iter().map(|path| crate::source::relative(path));
    for page in pages.chain(["README.md", "CONTRIBUTING.md"].map(str::to_string)) {
        let text = fs::read_to_string(root().join(&page)).expect("it exists");
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap_or_default();
            if link.is_empty() || link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let folder = root().join(&page);
            let target = match file {
                "" => folder.clone(),
                file => folder.parent().expect("a folder").join(file),
            };
            let known = || {
                let text = fs::read_to_string(&target).unwrap_or_default();
                let headings = text.lines().filter(|line| line.starts_with('#'));
                headings.map(anchor).any(|name| name == heading)
            };
            if !target.exists() || !heading.is_empty() && !known() {
                wrong.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Every message of the page of errors is one that the sources have, but for what differs.
#[test]
fn the_page_of_errors_quotes_what_is_said() {
    let sources = crate::source::sources(&["src", "tools/cli/src"]);
    let said: String = sources
        .iter()
        .map(|s| s.text.replace("\\\n", " "))
        .collect();
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = fs::read_to_string(root().join("docs/errors.md")).expect("the page exists");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in rows {
        let message = row.split('`').next().unwrap_or_default();
        count += 1;
        let parts = message.split('…');
        let parts = parts.map(|part| part.trim_matches([' ', '\'']));
        wrong.extend(
            parts
                .filter(|part| !said.contains(part))
                .map(|part| (message, part)),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count >= 20, "{count} messages");
}

/// The name of a heading in links.
fn anchor(heading: &str) -> String {
    let title = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = title
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn the_examples_in_rust_run() {
    embed::main().expect("embed");
    typed_rows::main().expect("typed_rows");
    subscriber::main().expect("subscriber");
    aggregate::main().expect("aggregate");
    candles::main().expect("candles");
    enriched::main().expect("enriched");
    fraud::main().expect("fraud");
}

#[test]
fn the_readme_shows_what_its_first_command_prints() {
    let read = |name: &str| fs::read_to_string(root().join(name)).expect("it exists");
    let got =
        output(&read("examples/vwap.sql"), &read("examples/trades.jsonl")).expect("it builds");
    let readme = read("README.md");
    let shown: Vec<&str> = readme
        .lines()
        .filter(|l| l.starts_with("{\"stream\""))
        .collect();
    assert!(shown.len() > 3);
    for (line, want) in got.lines().zip(shown) {
        assert_eq!(line, want);
    }
    for command in [
        "cargo run --profile quick --no-default-features -p eventflux-cli -- run examples/vwap.sql",
        "cargo test --workspace",
    ] {
        assert!(readme.contains(command));
    }
}

#[test]
fn the_page_of_functions_names_all_of_them() {
    let page = fs::read_to_string(root().join("docs/language.md")).expect("the page exists");
    for (name, _, _) in eventflux::Functions::new().iter() {
        assert!(
            page.contains(&format!("`{name}(")),
            "{name} is not on the page"
        );
    }
}

/// How many windows, aggregates and functions there are is said by the tables of the language page.
#[test]
fn the_readme_counts_right() {
    let read = |name: &str| fs::read_to_string(root().join(name)).expect("it exists");
    let (readme, page) = (read("README.md"), read("docs/language.md"));
    let cells = |heading: &str| {
        let part = page.split(&format!("\n## {heading}\n")).nth(1);
        let part = part.and_then(|part| part.split("\n\n```").next());
        let part = part.expect("the heading is there").to_string();
        let rows = part.lines().filter_map(|line| line.strip_prefix("| `"));
        let first = rows.filter_map(|row| row.split(" | ").next().map(str::to_string));
        first.collect::<Vec<String>>()
    };
    let windows = cells("Windows").len();
    let names = |cell: &String| {
        let calls = cell.split('`').filter_map(|call| call.split_once('('));
        let names = calls.map(|(name, _)| name.to_string());
        names.collect::<Vec<String>>()
    };
    let aggregates: BTreeSet<String> = cells("Aggregates").iter().flat_map(names).collect();
    let functions = eventflux::Functions::new().iter().count();
    for said in [
        format!("{windows} windows"),
        format!("{} aggregates", aggregates.len()),
        format!("{functions} functions"),
    ] {
        assert!(readme.contains(&said), "{said}");
    }
}
