//! Which questions are asked, and where the answers go.

use super::cores::{cores, machine, pin};
use super::harness::{Conditions, Size};
use super::progress;
use super::question::{GROUPS, Question};
use super::questions::QUESTIONS;
use super::record::{Answered, Record};
use super::{lines, page, report};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What stands below the options.
pub const HELP: &str = "Every question runs the engine and the same work written by hand by turns in one process, \
after one pass to warm up,\nand checks that both answer the same. \
A ratio is the engine's time by that of the hand-written loop.\n\n\
Examples:\n  eventflux-bench --list\n  eventflux-bench filter-project groupby-int-1k\n\
\x20 eventflux-bench nexmark --quick\n  eventflux-bench groupby-growth --pictures docs/pictures\n\
\x20 eventflux-bench --repetitions 9 --html bench.html --json > bench.jsonl\n\n\
Exit status: 0 all questions answered, within budget or not; 1 an answer was wrong or missing; 2 usage.";

/// What is asked, and how the answers are shown.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct BenchArgs {
    /// Questions or groups of them; all if none is named
    #[arg(value_name = "QUESTION")]
    pub questions: Vec<String>,
    /// Small inputs and 3 repetitions
    #[arg(long)]
    pub quick: bool,
    /// One JSON object per line instead of a table
    #[arg(long)]
    pub json: bool,
    /// Write a page with pictures
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write a picture of each thing that grows into this folder, named by its question
    #[arg(long, value_name = "FOLDER")]
    pub pictures: Option<PathBuf>,
    /// Passes of each side after the warm-up [default: 5, quick: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repetitions: Option<u32>,
    /// Show the questions
    #[arg(long)]
    pub list: bool,
}

/// Why a bench did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BenchError {
    /// The command line is wrong.
    Usage(String),
    /// An answer is missing or cannot be written.
    Run(String),
}

/// Asks the questions and writes the answers to standard output.
pub fn run(args: &BenchArgs) -> Result<(), BenchError> {
    let questions = select(&args.questions, args.quick && !args.list).map_err(BenchError::Usage)?;
    if args.list {
        return print(&list(&questions));
    }
    let conditions = Conditions {
        size: if args.quick { Size::Quick } else { Size::Full },
        repetitions: args.repetitions.unwrap_or(if args.quick { 3 } else { 5 }),
    };
    let mut answers: Vec<Answered> = Vec::new();
    for (number, question) in questions.iter().enumerate() {
        let (id, asks) = (question.id, question.asks);
        // What standard error does not take is gone.
        let _ = writeln!(
            std::io::stderr(),
            "{}/{} {id}: {asks}",
            number + 1,
            questions.len()
        );
        progress::begin();
        let answer = ask(question, &conditions);
        if args.json {
            print(&format!("{}\n", report::json(question.id, &answer)))?;
        }
        answers.push((question.id, answer));
    }
    if !args.json {
        print(&format!(
            "{}\n\n{}",
            about(&conditions),
            report::table(&answers)
        ))?;
    }
    if let Some(path) = &args.html {
        let html = page::html(&about(&conditions), &answers);
        std::fs::write(path, html)
            .map_err(|e| BenchError::Run(format!("{}: {e}", path.display())))?;
    }
    if let Some(folder) = &args.pictures {
        pictures(folder, &answers)?;
    }
    let missing: Vec<&str> = answers
        .iter()
        .filter(|(_, answer)| answer.is_err())
        .map(|(id, _)| *id)
        .collect();
    match missing.as_slice() {
        [] => Ok(()),
        missing => Err(BenchError::Run(format!(
            "no answer to {}",
            missing.join(", ")
        ))),
    }
}

/// Writes each panel of the answers as a file: `QUESTION.svg`, or `QUESTION-1.svg` and so on where it has several.
fn pictures(folder: &Path, answers: &[Answered]) -> Result<(), BenchError> {
    let failed =
        |path: &Path, e: std::io::Error| BenchError::Run(format!("{}: {e}", path.display()));
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    for record in answers.iter().filter_map(|(_, a)| a.as_ref().ok()) {
        for (number, panel) in record.panels.iter().enumerate() {
            let name = match record.panels.len() {
                1 => format!("{}.svg", record.question),
                _ => format!("{}-{}.svg", record.question, number + 1),
            };
            let path = folder.join(name);
            std::fs::write(&path, lines::file(panel)).map_err(|e| failed(&path, e))?;
        }
    }
    Ok(())
}

/// Answers one question on a thread of its own, so that pinning ends with it.
pub fn ask(question: &'static Question, conditions: &Conditions) -> Result<Record, String> {
    let conditions = *conditions;
    let thread = std::thread::Builder::new().name(question.id.into());
    let thread = thread.spawn(move || {
        if question.pinned
            && let Some(core) = cores().last()
        {
            pin(*core);
        }
        (question.answer)(&conditions)
    });
    let thread = thread.map_err(|e| e.to_string())?;
    thread.join().unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", text.unwrap_or("without a message")))
    })
}

/// Machine, sources and conditions in one line.
pub fn about(conditions: &Conditions) -> String {
    let size = match conditions.size {
        Size::Full => "full inputs",
        Size::Quick => "quick: small inputs",
        Size::Tiny => "tiny inputs",
    };
    let debug = if cfg!(debug_assertions) {
        " · DEBUG BUILD"
    } else {
        ""
    };
    format!(
        "eventflux {}{} · {} · {size}, median of {} [min..max]{debug}",
        env!("CARGO_PKG_VERSION"),
        commit().map_or(String::new(), |c| format!(" at {c}")),
        machine(),
        conditions.repetitions
    )
}

/// The commit of the sources in the current folder.
fn commit() -> Option<String> {
    let out = std::process::Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=10"])
        .output()
        .ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    (out.status.success() && !text.trim().is_empty()).then(|| text.trim().to_string())
}

/// The questions that names stand for, in the order of the list. Quick runs leave out long ones that are not named.
fn select(names: &[String], quick: bool) -> Result<Vec<&'static Question>, String> {
    let known = || QUESTIONS.iter().map(|q| q.id).chain(GROUPS);
    for name in names {
        if !known().any(|k| k == name) {
            let nearest = known().min_by_key(|k| distance(k, name));
            return Err(format!(
                "no question '{name}'; did you mean '{}'? --list shows all",
                nearest.unwrap_or_default()
            ));
        }
    }
    let wanted = |q: &&Question| {
        let of_all = names.is_empty() || names.iter().any(|n| n == q.group);
        names.iter().any(|n| n == q.id) || (of_all && !(quick && q.long))
    };
    Ok(QUESTIONS.iter().filter(wanted).collect())
}

/// Insertions, deletions and replacements of characters between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn list(questions: &[&Question]) -> String {
    let width = questions.iter().map(|q| q.id.len()).max().unwrap_or(0);
    let mut out = String::new();
    let mut group = "";
    for q in questions {
        if q.group != group {
            group = q.group;
            out.push_str(&format!("{group}\n"));
        }
        out.push_str(&format!("  {:width$}  {}\n", q.id, q.asks));
    }
    out
}

fn print(text: &str) -> Result<(), BenchError> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        // the reader has seen enough
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|e| BenchError::Run(format!("standard output: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &[&str]) -> Result<Vec<&'static str>, String> {
        let names: Vec<String> = names.iter().map(|n| n.to_string()).collect();
        select(&names, false).map(|qs| qs.iter().map(|q| q.id).collect())
    }

    #[test]
    fn names_stand_for_questions() {
        assert_eq!(ids(&[]).map(|q| q.len()), Ok(QUESTIONS.len()));
        assert_eq!(
            ids(&["groupby-int-1k", "filter-project"]),
            Ok(vec!["filter-project", "groupby-int-1k"])
        );
        let nexmark = ids(&["nexmark"]).expect("a group");
        assert!(nexmark.len() > 5 && nexmark.iter().all(|id| id.starts_with("nexmark-")));
    }

    #[test]
    fn long_questions_are_named_in_quick_runs() {
        let asked = |name: &str| select(&[name.to_string()], true).expect("known");
        assert!(asked("checkpoint").iter().all(|q| !q.long));
        assert!(asked("checkpoint-growth").iter().all(|q| q.long));
        assert!(
            ids(&["checkpoint"])
                .expect("a group")
                .contains(&"checkpoint-growth")
        );
    }

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        let e = ids(&["groupby-int-1kk"]).expect_err("unknown");
        assert!(e.contains("did you mean 'groupby-int-1k'?"), "{e}");
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ab"), 2);
    }

    #[test]
    fn the_list_shows_groups() {
        let text = list(&QUESTIONS.iter().collect::<Vec<_>>());
        for name in GROUPS {
            assert!(text.lines().any(|l| l == name), "{name}");
        }
    }
}
