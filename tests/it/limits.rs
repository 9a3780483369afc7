//! The table of limits in docs/language.md says what the code does, and names every limit on an app.

use crate::source::{Source, sources};
use std::fs;

/// Rows of the table: name and number.
fn table() -> Vec<(String, u128)> {
    let page = fs::read_to_string(crate::source::root().join("docs/language.md"));
    let page = page.expect("the page is there");
    let (_, section) = page
        .split_once("\n## Limits\n")
        .expect("it has the section");
    let (section, _) = section.split_once("\n## ").expect("another follows");
    let rows = section.lines().filter(|l| l.starts_with("| ")).skip(1);
    let cells = rows.map(|row| row.split(" | ").collect::<Vec<_>>());
    let named = cells.filter_map(|cells| {
        let name = cells
            .last()?
            .trim_matches(|c| " |`".contains(c))
            .to_string();
        (name.ends_with("_MAX") || name.contains("_MAX_")).then(|| (name, number(cells[1])))
    });
    named.collect()
}

/// The number that a cell of the table says.
fn number(cell: &str) -> u128 {
    let (digits, unit) = cell.split_once(' ').unwrap_or((cell, ""));
    let digits: u128 = digits.replace(',', "").parse().expect("a number");
    digits
        << match unit {
            "" => 0,
            "KiB" => 10,
            "MiB" => 20,
            other => panic!("{other}"),
        }
}

/// Name and value of every constant of a file that is a limit.
fn constants(source: &Source) -> Vec<(String, u128)> {
    let lines = source.text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("const ")?;
        let (name, rest) = rest.split_once(": ")?;
        let (kind, value) = rest.split_once(" = ")?;
        let counts = ["usize", "u64", "u32", "i64"].contains(&kind);
        counts.then(|| (name.to_string(), value.trim_end_matches(';').to_string()))
    });
    let limits = lines.filter(|(name, _)| name.ends_with("_MAX") || name.contains("_MAX_"));
    // One that is another limit is read where that one stands.
    let own = limits.filter(|(_, value)| !value.contains("_MAX"));
    let values = own.map(|(name, value)| {
        let number = evaluated(&value.replace('_', ""));
        let number = number.unwrap_or_else(|| panic!("{}: {name} is {value}", source.path));
        (name, number)
    });
    values.collect()
}

fn evaluated(value: &str) -> Option<u128> {
    let parse = |text: &str| text.trim().parse::<u128>().ok();
    if let Some((a, b)) = value.split_once("<<") {
        return Some(parse(a)? << parse(b)?);
    }
    match value.split_once('*') {
        Some((a, b)) => Some(parse(a)? * parse(b)?),
        None => parse(value),
    }
}

#[test]
fn the_table_of_limits_is_that_of_the_code() {
    let table = table();
    let all: Vec<(String, Vec<(String, u128)>)> = sources(&["src"])
        .iter()
        .map(|s| (s.path.clone(), constants(s)))
        .collect();
    for (name, number) in &table {
        let mut found = all.iter().flat_map(|(_, constants)| constants);
        let right = found.any(|c| c == &(name.clone(), *number));
        assert!(right, "no constant {name} is {number}");
    }
    // Every limit on what an app may ask for is in the table.
    let of_apps = |path: &str| path == "src/sql/mod.rs" || path.starts_with("src/plan/");
    for (path, constants) in all.iter().filter(|(path, _)| of_apps(path)) {
        for limit in constants {
            assert!(
                table.contains(limit),
                "{path}: {limit:?} is not in the table"
            );
        }
    }
}
