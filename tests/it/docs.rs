//! The examples that a reader meets first: those of the pages in `docs/` and of `README.md`, and of the folder
//! `examples/`. The commands of `docs/tutorial.md` are run by `tools/cli/tests/tutorial.rs`.
//!
//! On a page, a block ```` ```sql ```` is followed by ```` ```events ```` (lines of an events file) and
//! ```` ```output ```` (what `eventflux run` prints for them), or by ```` ```error ```` (what it says instead). Behind
//! the output may stand ```` ```mermaid ````, which is what `eventflux explain --mermaid` draws.
//! `UPDATE=1 cargo test --test it docs` prints what the engine says instead of comparing.

use crate::source::root;
use eventflux::connector::json::{EventLine, EventRow, RowDecoder, RowEncoder, decode_line};
use eventflux::{
    Batch, Drawing, EventFluxAppRuntime, EventFluxManager, Input, RuntimeConfig, Workers,
};
use std::fs;
use std::sync::{Arc, Mutex};

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

/// A fenced block: its word, its text, and the line on which it begins.
pub struct Block {
    pub word: String,
    pub text: String,
    pub line: usize,
}

/// The blocks of a page.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (i, line) in page.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(word) => {
                open = true;
                found.push(Block {
                    word: word.trim().to_string(),
                    text: String::new(),
                    line: i + 1,
                });
            }
            None if open => {
                let block = found.last_mut().expect("a block is open");
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    found
}

fn send(runtime: &EventFluxAppRuntime, input: &mut Input, line: &str) {
    let mut decoder = RowDecoder::default();
    let mut values = |row: &EventRow<'_>| {
        let schema = runtime.schema(&row.stream).expect("the stream exists");
        let values = decoder.decode(row.row, &schema).expect("the row fits");
        (row.at, values.to_vec())
    };
    let sent = match decode_line(line.as_bytes()).expect("the line is an event") {
        EventLine::Clock(to) => input.advance_clock(to),
        EventLine::Batch(rows) => {
            let rows: Result<Vec<_>, _> = rows.into_iter().collect();
            let rows = rows.expect("all of them are rows");
            let stream = rows[0].stream.to_string();
            let rows: Vec<_> = rows.iter().map(&mut values).collect();
            input.send_batch(&stream, rows)
        }
        EventLine::Row(row) => {
            let stream = row.stream.to_string();
            match values(&row) {
                (Some(at), row) => input.send_at(&stream, at, row),
                (None, row) => input.send(&stream, row),
            }
        }
    };
    sent.expect("the app runs");
}

/// What `eventflux run` prints.
fn output(app: &str, events: &str) -> Result<String, String> {
    let config = RuntimeConfig::default()
        .workers(Workers::Inline)
        .ordered_outputs(true);
    let runtime = EventFluxManager::new()
        .create_with(app, config)
        .map_err(|e| e.to_string())?;
    let lines = Arc::new(Mutex::new(Vec::new()));
    for stream in runtime.streams().iter().filter(|s| s.written && !s.read) {
        let (into, encoder) = (Arc::clone(&lines), RowEncoder::new(&stream.name));
        let callback = move |batch: &Batch| {
            encoder.encode(batch, &mut into.lock().expect("no callback panics"));
        };
        runtime
            .add_callback(&stream.name, callback)
            .expect("the stream exists");
    }
    runtime.start().expect("inline");
    let mut input = runtime.input().expect("it runs");
    for line in events.lines().filter(|l| !l.trim().is_empty()) {
        send(&runtime, &mut input, line);
    }
    drop(input);
    runtime.shutdown().expect("no operator panicked");
    let bytes = std::mem::take(&mut *lines.lock().expect("no callback panics"));
    Ok(String::from_utf8(bytes).expect("rows are UTF-8"))
}

/// What `eventflux explain --mermaid` prints.
fn drawing(app: &str) -> Result<String, String> {
    let runtime = EventFluxManager::new().create_with(app, RuntimeConfig::default());
    let drawing = runtime.map(|r| r.draw(Drawing::Mermaid));
    drawing.map_err(|e| e.to_string())
}

/// Runs the examples of a page; how many there were.
fn check(path: &str) -> usize {
    let page = fs::read_to_string(root().join(path)).expect("the page exists");
    let blocks = blocks(&page);
    let mut failures = Vec::new();
    let mut count = 0;
    for (i, block) in blocks.iter().enumerate().filter(|(_, b)| b.word == "sql") {
        count += 1;
        let next = |k: usize| blocks.get(i + k).map_or("", |b| b.word.as_str());
        let (got, want) = match (next(1), next(2)) {
            ("events", "output") => (
                output(&block.text, &blocks[i + 1].text),
                &blocks[i + 2].text,
            ),
            ("error", _) => (
                output(&block.text, "").map_or_else(|e| Ok(e + "\n"), |_| Err("it builds".into())),
                &blocks[i + 1].text,
            ),
            _ => panic!("{path}:{}: no events and output, and no error", block.line),
        };
        let drawn = blocks.get(i + 3).filter(|_| next(3) == "mermaid");
        let drawn = drawn.map(|want| (drawing(&block.text), &want.text));
        for (got, want) in std::iter::once((got, want)).chain(drawn) {
            match got {
                Ok(got) if got == *want => {}
                Ok(got) => failures.push(format!("{path}:{}: it gives\n{got}", block.line)),
                Err(why) => failures.push(format!("{path}:{}: {why}", block.line)),
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} examples:\n{}",
        failures.len(),
        failures.join("\n\n")
    );
    count
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
fn the_examples_in_sql_run() {
    let read =
        |name: &str| fs::read_to_string(root().join("examples").join(name)).expect("it exists");
    let rows = |app: &str, events: &str| {
        let lines = output(&read(app), &read(events)).expect("it builds");
        lines.lines().count()
    };
    assert_eq!(
        rows("vwap.sql", "trades.jsonl"),
        17,
        "three symbols in six seconds, one of them silent once"
    );
    assert!(rows("top.sql", "trades.jsonl") >= 2);
    let alerts = output(&read("alerts.sql"), &read("sensors.jsonl")).expect("it builds");
    let told = |stream: &str| alerts.lines().filter(|l| l.contains(stream)).count();
    assert_eq!((told("\"Alerts\""), told("\"Broken\"")), (1, 1), "{alerts}");
    assert!(alerts.contains("27.5"), "{alerts}");
    let enriched = output(&read("enriched.sql"), &read("market.jsonl")).expect("it builds");
    let costs = "{\"stream\":\"Costs\",\"at\":1700000001200,\"row\":[\"tools\",1,0.75]}\n\
                 {\"stream\":\"Costs\",\"at\":1700000002000,\"row\":[\"energy\",1,-0.63]}\n\
                 {\"stream\":\"Costs\",\"at\":1700000003000,\"row\":[\"tools\",2,0.75]}\n\
                 {\"stream\":\"Costs\",\"at\":1700000007000,\"row\":[\"utilities\",1,3.75]}\n";
    assert_eq!(enriched, costs);
    let fraud = output(&read("fraud.sql"), &read("payments.jsonl")).expect("it builds");
    let alarms = "{\"stream\":\"Unconfirmed\",\"at\":1700000123000,\"row\":[\"2342\",\"web\",310.0]}\n\
                  {\"stream\":\"Tried\",\"at\":1700000180000,\"row\":[\"4711\",\"web\",899.0,4.74]}\n\
                  {\"stream\":\"Repeated\",\"at\":1700000215000,\"row\":[\"2342\",95.0,4000]}\n\
                  {\"stream\":\"Unconfirmed\",\"at\":1700000890001,\"row\":[\"0815\",\"web\",650.0]}\n";
    assert_eq!(fraud, alarms);
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
