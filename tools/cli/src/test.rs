//! `eventflux test`: the examples of pages are run, and what they give is compared with what the page says.

use crate::examples::{self, Given};
use crate::failure::Failure;
use crate::state::text::many;
use crate::{say, show, small};
use clap::Args;
use similar::TextDiff;
use std::fs;
use std::path::{Path, PathBuf};

const TEST_HELP: &str = r#"A page is Markdown, by any name. An example is an app, what comes in, and what is to come out, each
in a block:
  ```sql
  @app:playback
  CREATE STREAM S (v INT);
  INSERT INTO Out SELECT sum(v) AS s FROM S WINDOW('length', 2);
  ```
  ```events
  {"stream":"S","at":1,"row":[1]}
  {"stream":"S","at":2,"row":[2]}
  ```
  ```output
  {"stream":"Out","at":1,"row":[1]}
  {"stream":"Out","at":2,"row":[3]}
  ```
An app that is to be refused has a block error behind it, with what is said. A block mermaid behind
the output is the drawing of explain. Text and blocks of other words are passed over. Windows that
time has not closed stay open: a last line {"clock":…} closes them.

Exit status: 0 all are as they say, 1 some are not, 2 a page cannot be read.

Examples:
  eventflux test app.md
  eventflux test docs/*.md
  eventflux test app.md --update      # writes what came out, also behind events without an output"#;

/// Options of `test`.
#[derive(Args, Debug)]
#[command(after_long_help = TEST_HELP)]
pub struct TestArgs {
    /// The pages
    #[arg(value_name = "PAGE.md", required = true)]
    pub pages: Vec<PathBuf>,
    /// Write what came out into the pages
    #[arg(long)]
    pub update: bool,
}

/// Runs the examples of all pages.
pub fn run(args: &TestArgs) -> Result<(), Failure> {
    let (mut all, mut wrong) = (0, 0);
    for path in &args.pages {
        let (examples, failed) = page(path, args.update)?;
        (all, wrong) = (all + examples, wrong + failed);
    }
    match wrong {
        0 if all == 0 => Err(Failure::usage("no example: a block ```sql begins one")),
        0 => Ok(()),
        1 => Err(Failure::run(format!(
            "1 of {} differs",
            many(all, "example")
        ))),
        n => Err(Failure::run(format!(
            "{n} of {} differ",
            many(all, "example")
        ))),
    }
}

/// Runs those of a page; answers how many there are, and how many do not give what it says.
fn page(path: &Path, update: bool) -> Result<(usize, usize), Failure> {
    let name = path.display();
    let wrong = |e: String| Failure::usage(format!("{name}: {e}"));
    let bytes = small::read(path).map_err(|e| wrong(e.to_string()))?;
    let page = String::from_utf8(bytes).map_err(|_| wrong("not UTF-8".into()))?;
    let given = examples::run(&page).map_err(|line| {
        let message = "behind this app stand neither events nor an error: a block of another word than sql is not run";
        Failure::usage(format!("{name}:{line}: {message}"))
    })?;
    if given.is_empty() {
        show!("{name}: no example");
    }
    let (mut failed, mut written, mut updated) = (0, String::new(), 0);
    let mut from = 0;
    for one in &given {
        let told = &page[one.place.clone()];
        let same = !one.missing && one.got.as_deref() == Ok(told);
        match &one.got {
            Ok(got) if update => {
                written += &page[from..one.place.start];
                written += &block(got, one.missing);
                from = one.place.end;
                updated += usize::from(!same);
            }
            _ if same => {}
            _ => {
                failed += 1;
                say!("{name}:{}: {}", one.line, difference(one, told));
            }
        }
    }
    written += &page[from..];
    if updated > 0 {
        fs::write(path, written).map_err(|e| Failure::run(format!("{name}: {e}")))?;
    }
    let count = given.len();
    match (failed, updated) {
        _ if count == 0 => {}
        (0, 0) => show!("{name}: ok, {}", many(count, "example")),
        (0, _) => show!(
            "{name}: {} of {} written anew",
            updated,
            many(count, "example")
        ),
        _ => {}
    }
    Ok((count, failed))
}

/// What came out, as it stands in its block, or as a block of its own.
fn block(got: &str, alone: bool) -> String {
    match alone {
        true => format!("\n```output\n{got}```\n"),
        false => got.to_string(),
    }
}

/// What an example gives instead of what is told.
fn difference(one: &Given, told: &str) -> String {
    match &one.got {
        Err(why) => why.clone(),
        Ok(got) if one.missing => {
            format!("no block output behind the events; --update writes it:\n{got}")
        }
        Ok(got) => {
            let diff = TextDiff::from_lines(told, got);
            let text = diff
                .unified_diff()
                .header("the page", "what came out")
                .to_string();
            format!("it gives something else\n{text}")
        }
    }
}
