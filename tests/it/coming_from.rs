//! `docs/coming-from.md` and its cases: each line of the page has a case, each case a line.

use crate::script::cases;
use crate::source::root;
use std::fs;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Whether a word is the name of a line: T, V or P and a number.
fn is_name(word: &str) -> bool {
    let number = word.strip_prefix(['T', 'V', 'P']);
    number.is_some_and(|n| n.parse::<u32>().is_ok())
}

#[test]
fn every_line_of_the_page_has_its_case() {
    let page = read("docs/coming-from.md");
    let first = |line: &str| {
        line.strip_prefix("| ")?
            .split(' ')
            .next()
            .map(str::to_string)
    };
    let mut lines: Vec<String> = page.lines().filter_map(first).collect();
    lines.retain(|word| is_name(word));
    let cases = cases(&read("tests/it/script/coming_from.evt")).expect("cases can be read");
    let first = |name: &str| name.split(' ').next().map(str::to_string);
    let cases: Vec<String> = cases.iter().filter_map(|c| first(&c.name)).collect();
    assert!(lines.len() >= 30, "{} lines", lines.len());
    assert_eq!(lines, cases, "the page, and the cases in the same order");
}

#[test]
fn every_line_of_the_page_has_all_columns() {
    let page = read("docs/coming-from.md");
    let mut columns = None;
    for line in page.lines() {
        let of_line = line.starts_with('|').then(|| line.matches('|').count());
        if columns.is_some() && of_line.is_some() {
            assert_eq!(of_line, columns, "{line}");
        }
        columns = of_line;
    }
}
